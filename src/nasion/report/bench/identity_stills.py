"""Open-set identification on single photos; the people a threshold is found on are not those it is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, IntArray
from nasion.identity import FaceEmbedder, Gallery, aligned_crop, calibrate, quality
from nasion.identity.gallery import MARGIN
from nasion.identity.matching import person_scores
from nasion.media import read_image
from nasion.pipeline import Analyzer
from nasion.report.bench.data import data_file
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Table

ENROLLED = 3  # photos of a person in the gallery
SPLITS = 20  # random halves of the people, averaged
FPIR, FAR = 0.01, 1e-3
SYSTEMS = ("network", "network, not mirrored", "grey pixels", "landmark shape")


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """All photos, in the order of the people.

    Attributes:
        files: of each photo.
        person: (N,) number of the person.
        names: of the people.
        fit: (N,) bool, face found and good enough to be compared.
        vectors: system to (N, D) of unit length; 0 where not fit.
        reasons: why photos were not compared, with how many.
    """

    files: tuple[Path, ...]
    person: IntArray
    names: tuple[str, ...]
    fit: BoolArray
    vectors: dict[str, FloatArray]
    reasons: dict[str, int]


def read_photos(data: Path, embedder: FaceEmbedder, limit: int | None = None) -> Photos:
    """Faces of the shared grey crops of 260 people, as each system sees them."""
    homes = sorted(path for path in data_file(data, "identity").iterdir() if path.is_dir())[:limit]
    files = [(number, path) for number, home in enumerate(homes) for path in sorted(home.glob("*.webp"))]
    analyzer = Analyzer(("landmarks", "pose"), threads=1)
    rows: dict[str, list[FloatArray]] = {name: [] for name in SYSTEMS}
    fit = np.zeros(len(files), bool)
    reasons: dict[str, int] = {}
    for i, (_, path) in enumerate(progress(files, "photos", len(files))):
        image = read_image(path)
        faces = analyzer(image)
        face = max(faces, key=lambda f: f.box.area, default=None)
        reason = "no face" if face is None else quality(image, face).reason.partition(",")[0]
        if face is None or reason:
            key = reason if reason in ("no face", "blurred") else "turned or small"
            reasons[key] = reasons.get(key, 0) + 1
            for name in SYSTEMS:
                rows[name].append(np.zeros(0))
            continue
        fit[i] = True
        both = embedder(image, [face])[0].astype(np.float64)
        rows["network"].append(both)
        rows["network, not mirrored"].append(both[: len(both) // 2])
        grey = cv2.cvtColor(aligned_crop(image, face.landmarks), cv2.COLOR_RGB2GRAY).astype(np.float64)
        rows["grey pixels"].append((grey - grey.mean()).ravel())
        rows["landmark shape"].append(face.landmarks.to("ibug68").points[:, :2].astype(np.float64))
    rows["landmark shape"] = _shapes(rows["landmark shape"])
    vectors = {}
    for name, each in rows.items():
        table = np.zeros((len(each), max(len(v) for v in each)), np.float32)
        for i, v in enumerate(each):
            if len(v):
                table[i] = v / max(float(np.linalg.norm(v)), 1e-9)
        vectors[name] = table
    person = np.array([number for number, _ in files])
    return Photos(tuple(p for _, p in files), person, tuple(h.name for h in homes), fit, vectors, reasons)


def _shapes(points: list[FloatArray]) -> list[FloatArray]:
    """Shapes laid on their mean, less that mean: what is left is the face's own form, pose and expression."""
    from nasion.core.geometry.similarity import apply_affine, umeyama

    known = [p for p in points if len(p)]
    mean = known[0]
    for _ in range(2):
        mean = np.mean([apply_affine(umeyama(p, mean), p) for p in known], 0)
    return [(apply_affine(umeyama(p, mean), p) - mean).ravel() if len(p) else p for p in points]


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """Half of the people as a gallery and its visitors: every other person is enrolled.

    Attributes:
        gallery: rows of the photos enrolled, per person.
        known: (row, index in ``gallery``) of other photos of the enrolled.
        unknown: rows of photos of the others.
    """

    gallery: list[IntArray]
    known: list[tuple[int, int]]
    unknown: list[int]


def halves(photos: Photos, rng: np.random.Generator) -> tuple[Half, Half]:
    """People for the threshold, people for the test; nobody is in both."""
    order = rng.permutation(len(photos.names))
    made = []
    for people in (order[::2], order[1::2]):
        gallery: list[IntArray] = []
        known: list[tuple[int, int]] = []
        unknown: list[int] = []
        for k, person in enumerate(people):
            rows = rng.permutation(np.flatnonzero(photos.person == person))
            fit = [int(r) for r in rows if photos.fit[r]]
            if k % 2 == 0 and len(fit) > ENROLLED:
                known += [(int(r), len(gallery)) for r in rows if r not in fit[:ENROLLED]]
                gallery.append(np.array(fit[:ENROLLED]))
            else:
                unknown += rows.tolist()
        made.append(Half(gallery, known, unknown))
    return made[0], made[1]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Scores of a half, -2 for a photo that was not compared, and whether the likeliest person is the right one."""

    known_best: FloatArray
    known_right: BoolArray
    unknown_best: FloatArray


def look(photos: Photos, half: Half, system: str, margin: float = MARGIN) -> Looked:
    """What the rule compares with a threshold: the best score, made -2 where the margin to the second is too small."""
    vectors = photos.vectors[system]
    people = [vectors[rows] for rows in half.gallery]

    def best(rows: list[int]) -> tuple[FloatArray, FloatArray]:
        scores = person_scores(vectors[rows], people)
        top = np.sort(scores, 1)
        ok = photos.fit[rows] & (top[:, -1] - top[:, -2] >= margin)
        return np.where(ok, top[:, -1], -2.0), scores.argmax(1)

    known, who = best([row for row, _ in half.known])
    unknown, _ = best(half.unknown)
    return Looked(known, who == np.array([index for _, index in half.known]), unknown)


def threshold(looked: Looked, fpir: float) -> float:
    """The least score above which no more than this share of the unknown lie."""
    return float(np.nextafter(np.quantile(looked.unknown_best, 1 - fpir, method="higher"), 2))


def rates(looked: Looked, tau: float) -> tuple[float, float]:
    """Share of the known named right, and of the unknown named at all."""
    right = looked.known_right & (looked.known_best >= tau)
    return float(right.mean()), float((looked.unknown_best >= tau).mean())


def stills_part(photos: Photos) -> tuple[list[Table], dict[str, Any]]:
    """DIR at FPIR 1 % of every system, the threshold in use, and the question before a second enrolment."""
    numbers: dict[str, Any] = {
        "photos": len(photos.files), "people": len(photos.names), "compared": int(photos.fit.sum()),
        "refused": photos.reasons, "systems": {},
    }  # fmt: skip
    split = [halves(photos, np.random.default_rng(seed)) for seed in range(SPLITS)]
    rows = []
    grid = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2])
    for system in SYSTEMS:
        margin = MARGIN if system.startswith("network") else 0.0
        found, curve = [], []
        for learn, test in split:
            ours, theirs = look(photos, learn, system, margin), look(photos, test, system, margin)
            found.append((*rates(theirs, threshold(ours, FPIR)), rates(theirs, -1.9)[0], threshold(ours, FPIR)))
            curve.append([rates(theirs, threshold(theirs, share))[0] for share in grid])
        mean, spread = np.mean(found, 0), np.std(found, 0)
        numbers["systems"][system] = {
            "dir": mean[0], "dir_std": spread[0], "fpir": mean[1], "rank1": mean[2], "tau": mean[3],
            "curve": np.mean(curve, 0).tolist(),
        }  # fmt: skip
        rows.append((
            system, f"{100 * mean[0]:.1f} ± {100 * spread[0]:.1f}", f"{100 * mean[1]:.2f}", f"{100 * mean[2]:.1f}",
            f"{mean[3]:.2f}",
        ))  # fmt: skip
    numbers["fpir_grid"] = grid.tolist()
    columns = (
        "what is compared",
        "DIR at FPIR 1 % (%)",
        "FPIR on the test people (%)",
        "nobody unknown: first (%)",
        "tau",
    )
    size = len(split[0][1].gallery)
    tables = [
        Table(f"{size} people enrolled by {ENROLLED} photos each, {SPLITS} splits of the people", columns, tuple(rows))
    ]
    table, numbers["in_use"] = _in_use(photos, split)
    return [*tables, table], numbers


def _in_use(photos: Photos, split: list[tuple[Half, Half]]) -> tuple[Table, dict[str, Any]]:
    """The threshold that ``nasion identity calibrate`` finds on one half, in use on the other."""
    vectors, found = photos.vectors["network"], []
    for learn, test in split:
        people = sorted({int(photos.person[r]) for r in (*[x for g in learn.gallery for x in g], *learn.unknown)})
        own = {str(p): vectors[(photos.person == p) & photos.fit] for p in people}
        tau, _ = calibrate({name: v for name, v in own.items() if len(v)}, FAR, ENROLLED)
        looked = look(photos, test, "network")
        named, false = rates(looked, tau)
        scores = person_scores(vectors[test.unknown], [vectors[rows] for rows in test.gallery])
        asked: dict[str, list[bool]] = {"same": [], "other": []}
        gallery = Gallery()
        gallery.tau = tau
        for number, rows in enumerate(test.gallery):
            gallery.enrol(str(number), vectors[rows])
        for number in range(len(test.gallery)):
            again = [row for row, index in test.known if index == number and photos.fit[row]]
            if again:
                asked["same"].append(gallery.like(vectors[again]) == str(number))
        for person in sorted({int(photos.person[row]) for row in test.unknown}):
            again = [row for row in test.unknown if photos.person[row] == person and photos.fit[row]][:ENROLLED]
            if again:
                asked["other"].append(gallery.like(vectors[again]) != "")
        found.append((
            tau, float((scores[photos.fit[test.unknown]] >= tau).mean()), named, false, float(np.mean(asked["same"])),
            float(np.mean(asked["other"])),
        ))  # fmt: skip
    mean = np.mean(found, 0)
    keys = ("tau", "false_accepts", "named", "named_falsely", "merge_asked", "merge_asked_wrongly")
    numbers = dict(zip(keys, map(float, mean), strict=True))
    row = (
        f"{mean[0]:.3f}", f"{1000 * mean[1]:.2f}", f"{100 * mean[2]:.1f}", f"{100 * mean[3]:.1f}",
        f"{100 * mean[4]:.1f}", f"{100 * mean[5]:.1f}",
    )  # fmt: skip
    columns = (
        "tau", "false accepts a comparison, test people (per mille)", "known named (%)", "unknown named (%)",
        "asked to merge: same person (%)", "asked to merge: somebody else (%)",
    )  # fmt: skip
    return Table(f"tau for {FAR:g} false accepts a comparison, found on the other half", columns, (row,)), numbers


def some_people(data: Path, people: int, each: int) -> list[list[ImageArray]]:
    """Pictures of people with at least ``each`` photos, for clips; spread over the alphabet."""
    homes = sorted(path for path in data_file(data, "identity").iterdir() if path.is_dir())
    enough = [home for home in homes if len(list(home.glob("*.webp"))) >= each]
    chosen = [enough[i] for i in np.linspace(0, len(enough) - 1, people).round().astype(int)]
    rng = np.random.default_rng(7)
    return [[read_image(path) for path in rng.permutation(sorted(home.glob("*.webp")))[:each]] for home in chosen]
