"""How far do the 478 points lie from MediaPipe's, on people never trained on?

MediaPipe taught our dense points, so this is fidelity to the teacher and not truth. What the teacher differs by from
itself when it sees the mirrored picture is measured in the same run: nobody can be asked for much less.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from nasion.core import Box, FloatArray, InputError, IntArray, NasionError, scheme
from nasion.metrics import bootstrap_mean, cumulative_error_curve
from nasion.report.bench.data import data_file, helen
from nasion.report.bench.defaults import DENSE_PEER, PEERS_FOLDER
from nasion.report.bench.machine import describe_models
from nasion.report.bench.peers import Peer, find_peers, run_peer, split_by_weights
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELLED = 0.3  # the same with the box around a human's 68 points, which have no forehead
SAME = 0.5  # intersection over union of the boxes around two meshes that are one face
AGREES = (
    0.05  # of the inter-ocular distance between a peer's two answers, up to which it can say where a face's points are
)
EVERY = 8  # of the 2129 portraits of the audit set one in this many: 267, enough for an interval of a twentieth
OUTER_CORNERS = (33, 263)
HELEN, HUMAN = "HELEN test", "HELEN test, the faces that people labelled"
PICTURES = {".jpg", ".png", ".webp"}

_COUNTS = ("beside", "pictures", "faces", "only ours", "only theirs")
_COLUMNS = (
    *_COUNTS, "distance %", "95 %", "median", "worst", "itself mirrored %", "to the mean of both %",
    "it agrees with itself", "distance there %",
)  # fmt: skip

Meshes = list[FloatArray]  # of one picture: (478, 2) px each


def bench_dense(
    data: Path, peers: Sequence[str] = (DENSE_PEER,), peers_folder: Path = PEERS_FOLDER, limit: int | None = None
) -> Result:
    """Place the dense points with both systems and measure how far apart they are.

    Args:
        data: the data folder.
        peers: the systems with 478 points to compare with, by name; ``["all"]`` are all that have them.
        peers_folder: where their scripts are.
        limit: only the first pictures of each set, for a quick look; not a figure to quote.

    Raises:
        InputError: none of the peers has dense points and its weights.
    """
    named = [peer for peer in find_peers(peers, "landmarks", peers_folder) if peer.layout == "dense478"]
    ready, absent = split_by_weights(named, data)
    if not ready:
        raise InputError(f"name a peer that has 478 points and its weights, such as --peers {DENSE_PEER}")
    sets = {name: paths[:limit] for name, paths in _never_trained_on(data).items()}
    pictures = [path for paths in sets.values() for path in paths]
    ours = _ours(pictures)
    rows, numbers = [], {}
    for peer in ready:
        theirs, again = _theirs(peer, pictures, data), _mirrored(peer, pictures, data)
        start, of_set = 0, {}
        for name, paths in sets.items():
            part = slice(start, start + len(paths))
            start += len(paths)
            of_set[name] = _figures(ours[part], theirs[part], again[part])
            rows.append((peer.label, name, *_row(of_set[name])))
            if name == HELEN:
                boxes = [Box.around(photo.points) for photo in helen(data)[:limit]]
                of_set[HUMAN] = _figures(*(_labelled(meshes[part], boxes) for meshes in (ours, theirs, again)))
                rows.append((peer.label, HUMAN, *_row(of_set[HUMAN])))
        of_set["all"] = _figures(ours, theirs, again)
        rows.append((peer.label, "all", *_row(of_set["all"])))
        numbers[peer.label] = of_set
    first = numbers[ready[0].label]["all"]
    return Result(
        name="dense",
        title=f"478 points beside {', '.join(peer.label for peer in ready)}, {len(pictures)} pictures never trained on",
        command=command_line("dense", peers, limit),
        tables=(
            Table("Mean distance, % of the inter-ocular distance", _COLUMNS, tuple(rows)),
            Table(
                f"By part of the face, beside {ready[0].label}",
                ("part", "points", "distance %", "itself mirrored %"),
                tuple(
                    (k, v["points"], percent(v["distance"]), percent(v["itself"])) for k, v in first["parts"].items()
                ),
            ),
        ),
        numbers={
            "peers": numbers,
            "not_measured": {peer.label: list(peer.weights) for peer in absent},
            "models": describe_models("detector", "landmarker"),
        },
        notes=(
            "Fidelity, not truth: MediaPipe 0.10.21 taught our dense points. Human labels: nasion bench landmarks.",
            "Itself mirrored: the peer's own points against those of the mirrored picture, brought back; its noise.",
            "To the mean of both: ours against the mean of the peer's two answers, which is calmer than either.",
            f"It agrees with itself: found mirrored, too, and then at most {AGREES:.0%} apart on average.",
            "The faces that people labelled: one a photo; both systems also find a logo and a blurred bystander.",
            f"Faces both found: boxes around the meshes overlap by {SAME} or more. Outer eye corners {OUTER_CORNERS}.",
            f"Never trained on: HELEN test, AFLW2000, `photos/` and the audit portraits (every {EVERY}th taken).",
            "The groups in `photos/` are actors who may be among the public figures of the training pictures.",
            *(f"{p.label} was not measured: {', '.join(p.weights)} is not in the models folder." for p in absent),
        ),
        plots={"ced": lambda figure: _draw(figure, numbers)},
    )


def _never_trained_on(data: Path) -> dict[str, list[Path]]:
    """Pictures that no recipe of ours reads, by set."""
    portraits = sorted(data_file(data, "demographics").glob("*.webp"))
    return {
        HELEN: [photo.path for photo in helen(data)],
        "AFLW2000": sorted(p for p in data_file(data, "pose/aflw2000").iterdir() if p.suffix in PICTURES),
        "photos": sorted(p for p in data_file(data, "photos").iterdir() if p.suffix in PICTURES),
        "audit portraits": portraits[::EVERY],
    }


def _ours(pictures: Sequence[Path]) -> list[Meshes]:
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    analyzer = Analyzer(tasks=("landmarks",), scheme="dense478")
    found = progress(pictures, "nasion: dense points", len(pictures))
    return [[face.landmarks.points[:, :2].astype(float) for face in analyzer(read_image(path))] for path in found]


def _theirs(peer: Peer, pictures: Sequence[Path], data: Path) -> list[Meshes]:
    results = run_peer(peer, "landmarks", pictures, data)["results"]
    return [[np.asarray(face["points"], float)[:, :2] for face in result["faces"]] for result in results]


def _mirrored(peer: Peer, pictures: Sequence[Path], data: Path) -> list[Meshes]:
    """A peer's points on the mirrored pictures, in the coordinates and the order of the pictures as they are."""
    from nasion.media import read_image

    flip = scheme("dense478").flip
    with tempfile.TemporaryDirectory() as folder:
        files, widths = [], []
        for i, path in enumerate(pictures):
            image = read_image(path)
            files.append(Path(folder, f"{i}.png"))
            widths.append(image.shape[1])
            Image.fromarray(np.ascontiguousarray(image[:, ::-1])).save(files[-1], compress_level=1)
        found = _theirs(peer, files, data)
    return [
        [mesh[flip] * (-1, 1) + (width - 1, 0) for mesh in meshes] for meshes, width in zip(found, widths, strict=True)
    ]


def _figures(ours: Sequence[Meshes], theirs: Sequence[Meshes], again: Sequence[Meshes]) -> dict[str, Any]:
    pairs = [_pairs(a, b) for a, b in zip(ours, theirs, strict=True)]
    twins = [(a, b) for x, y in zip(again, theirs, strict=True) for a, b in _pairs(x, y)]
    mean_of_views = {id(b): (a + b) / 2 for a, b in twins}
    gaps = [_gap(a, b) for of_picture in pairs for a, b in of_picture]
    if not gaps:
        raise NasionError("not one face was found by both systems: there is nothing to compare")
    distance = np.stack(gaps)
    itself = np.stack([_gap(a, b) for a, b in twins] or [np.full(478, np.nan)])
    calm = [_gap(a, mean_of_views[id(b)]) for of_picture in pairs for a, b in of_picture if id(b) in mean_of_views]
    steady = {id(b) for a, b in twins if _gap(a, b).mean() <= AGREES}
    there = [_gap(a, b).mean() for of_picture in pairs for a, b in of_picture if id(b) in steady]
    of_face = distance.mean(axis=1)
    mean = bootstrap_mean(of_face, [i for i, of_picture in enumerate(pairs) for _ in of_picture])
    return {
        "pictures": len(ours),
        "faces": len(gaps),
        "only_ours": sum(map(len, ours)) - len(gaps),
        "only_theirs": sum(map(len, theirs)) - len(gaps),
        "distance": mean.value,
        "distance_95": [mean.low, mean.high],
        "median": float(np.median(of_face)),
        "worst": float(of_face.max()),
        "itself_mirrored": _number(itself.mean()),
        "to_mean_of_views": float(np.stack(calm).mean()) if calm else None,
        "faces_it_agrees_on": len(there),
        "distance_where_it_agrees": float(np.mean(there)) if there else None,
        "per_face": [round(float(v), 5) for v in of_face],
        "parts": {
            name: {
                "points": len(index),
                "distance": float(distance[:, index].mean()),
                "itself": _number(itself[:, index].mean()),
            }
            for name, index in _parts().items()
        },
    }


def _labelled(found: Sequence[Meshes], boxes: Sequence[Box]) -> list[Meshes]:
    """Of each picture the one mesh that lies best on the box that a human labelled; none where none does."""
    best = []
    for meshes, box in zip(found, boxes, strict=True):
        overlaps = [Box.around(mesh).iou(box) for mesh in meshes]
        chosen = int(np.argmax(overlaps)) if overlaps else 0
        best.append([meshes[chosen]] if overlaps and overlaps[chosen] >= LABELLED else [])
    return best


def _pairs(ours: Meshes, theirs: Meshes) -> list[tuple[FloatArray, FloatArray]]:
    """Meshes of the same face, each used once, the best overlap first."""
    overlaps = sorted(
        ((Box.around(a).iou(Box.around(b)), i, j) for i, a in enumerate(ours) for j, b in enumerate(theirs)),
        reverse=True,
    )
    left, right, out = set[int](), set[int](), []
    for overlap, i, j in overlaps:
        if overlap >= SAME and i not in left and j not in right:
            left.add(i)
            right.add(j)
            out.append((ours[i], theirs[j]))
    return out


def _gap(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """(478,) distances over the peer's distance between the outer eye corners."""
    right, left = (theirs[i] for i in OUTER_CORNERS)
    return np.asarray(np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(left - right))


def _parts() -> Mapping[str, IntArray]:
    """The dense scheme's larger groups, and everything else."""
    groups = scheme("dense478").groups
    both = {
        "eyes": ("right_eye", "left_eye"),
        "irises": ("right_iris", "left_iris"),
        "brows": ("right_brow", "left_brow"),
        "nose": ("nose",),
        "mouth": ("mouth",),
        "face oval": ("face_oval",),
    }
    parts = {k: np.array(sorted({i for name in names for i in groups[name]})) for k, names in both.items()}
    named = set(np.concatenate(list(parts.values())).tolist())
    return parts | {"cheeks, forehead": np.array([i for i in range(478) if i not in named])}


def _row(f: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    low, high = f["distance_95"]
    return (
        f["faces"],
        f["only_ours"],
        f["only_theirs"],
        percent(f["distance"]),
        f"{100 * low:.2f}-{100 * high:.2f}",
        percent(f["median"]),
        percent(f["worst"]),
        percent(f["itself_mirrored"]),
        percent(f["to_mean_of_views"]),
        f["faces_it_agrees_on"],
        percent(f["distance_where_it_agrees"]),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _draw(figure: Figure, numbers: dict[str, dict[str, dict[str, Any]]]) -> None:
    axes = figure.subplots()
    for label, of_set in numbers.items():
        for name, f in of_set.items():
            x, y = cumulative_error_curve(np.array(f["per_face"]), 0.06)
            axes.plot(100 * x, 100 * y, label=f"{name}, beside {label}", linewidth=2.5 if name == "all" else 1.2)
    axes.axvline(2, color="grey", linestyle="--", linewidth=1)
    axes.set(xlabel="mean distance of 478 points, % of the inter-ocular distance", ylabel="% of faces at most this far")
    axes.set(xlim=(0, 6), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=7)
