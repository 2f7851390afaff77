"""The eyelid angle on rendered heads: does it hold still while the head turns, and what does it make of the lids?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nasion.core import FloatArray
from nasion.eyes import CLOSED_SHARE, DEPTH, combined_angle, eye_aspect_ratio, eye_weights, eyelid_angles
from nasion.eyes.eyelid_angle import LIDS
from nasion.pipeline import Analyzer
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Table
from nasion.synth import LIGHTS, HeadModel, Scene, place, portrait, render_scene, sample_head

SEED, PEOPLE = 2611, 4  # nobody that a recipe of ours has seen
SHUT, OPENINGS = 0.0, (0.0, 20.0, 40.0)  # degrees between the lids as seen from the eye's centre
YAWS, PITCHES = (-40, -20, 0, 20, 40), (-20, 0, 20)
SIZE, FILL, FIELD = (320, 320), 0.6, 30.0
EAR = ((362, 385, 387, 263, 373, 380), (33, 160, 158, 133, 153, 144))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A rendered head: its true points in px and in mm, and ours; NaN where none were placed."""

    person: int
    opening: float
    yaw: float
    solid: FloatArray
    flat: FloatArray
    ours: FloatArray


def views(people: int = PEOPLE) -> list[View]:
    """Every person with every opening in every pose."""
    model, analyzer = HeadModel.load(), Analyzer(("landmarks", "pose"), threads=1)
    camera, distance = portrait(SIZE, FILL, FIELD)
    found = []
    combinations = [(p, o, y, x) for p in range(people) for o in OPENINGS for y in YAWS for x in PITCHES]
    for person, opening, yaw, pitch in progress(combinations, "lids", len(combinations)):
        head = sample_head(np.random.default_rng((SEED, person)))
        head = replace(head, lids=(opening, opening), gaze=((0.0, 0.0), (0.0, 0.0)), expression={})
        pose = place(yaw, pitch, 0, (0.0, 0.0, distance))
        sample = render_scene(Scene(head, pose, camera, SIZE, light=LIGHTS["soft"]), model)
        faces = analyzer(sample.image)
        points = faces[0].landmarks.points if faces else np.full((478, 3), np.nan)
        read = faces[0].pose.yaw if faces else np.nan
        found.append(
            View(person, opening, read, sample.truth.points3d, sample.truth.landmarks().points, points.astype(float))
        )
    return found


def lids_part(people: int = PEOPLE) -> tuple[list[Table], dict[str, Any], list[str]]:
    """Tables, numbers and notes."""
    seen = views(people)
    missed = sum(not np.isfinite(view.ours).all() for view in seen)
    seen = [view for view in seen if np.isfinite(view.ours).all()]
    ela = np.array([float(combined_angle(eyelid_angles(view.ours), view.yaw)) for view in seen])
    unscaled = np.array([float(combined_angle(eyelid_angles(view.ours, 1.7), view.yaw)) for view in seen])
    both = np.array([ratios(view.ours) for view in seen])
    plain, weighted = both.mean(1), (both * np.stack([eye_weights(view.yaw) for view in seen])).sum(1)
    true = np.array([eyelid_angles(view.solid, 1.0) for view in seen])
    true_ear = np.array([ratios(view.flat).mean() for view in seen])
    measures = {"EAR": plain, "EAR, eyes weighed": weighted, "ELA": ela, "ELA with MediaPipe's 1.7": unscaled,
                "ELA, true points": true[:, 0], "EAR, true points": true_ear}  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    numbers: dict[str, Any] = {}
    for opening in OPENINGS:
        part = {name: list(_by_person(seen, values, opening)) for name, values in measures.items()}
        variation = {name: float(np.mean([np.std(v) / np.mean(v) for v in kept])) for name, kept in part.items()}
        numbers[str(opening)] = {
            "cv": variation, "ela_deg": float(np.mean([np.mean(v) for v in part["ELA"]])),
            "ela_std_deg": float(np.mean([np.std(v) for v in part["ELA"]])),
            "true_ela_deg": float(np.mean([np.mean(v) for v in part["ELA, true points"]])),
            "ear": float(np.mean([np.mean(v) for v in part["EAR"]])),
            "ratio": variation["ELA"] / variation["EAR"],
        }  # fmt: skip
        one = numbers[str(opening)]
        rows.append((
            f"{opening:.0f}°", f"{one['ela_deg']:.1f} ± {one['ela_std_deg']:.1f}", f"{one['ear']:.3f}",
            *(f"{variation[name]:.3f}" for name in measures), f"{one['ratio']:.2f}",
        ))  # fmt: skip
    opened = [str(opening) for opening in OPENINGS if opening > SHUT]
    ratio = float(np.mean([numbers[name]["cv"]["ELA"] for name in opened])
                  / np.mean([numbers[name]["cv"]["EAR"] for name in opened]))  # fmt: skip
    depth, correlation = depth_factor(seen)
    exact = max(np.ptp(v) for opening in opened for v in _by_person(seen, true[:, 0], float(opening)))
    relaxed = numbers[str(max(OPENINGS))]["ela_deg"]
    shut = numbers[str(SHUT)]["ela_deg"] / relaxed
    columns = ("between lids", "ELA (°)", "EAR", *(f"CV {name}" for name in measures), "ELA over EAR")
    table = Table(f"{people} rendered people, yaw ±40, pitch ±20: one opening in 15 poses", columns, tuple(rows))
    return [table], {
        "openings": numbers, "cv_ratio": ratio, "depth_factor": depth, "depth_correlation": correlation,
        "closed_share": shut, "true_spread_deg": float(exact), "missed": missed,
    }, [
        "CV: standard deviation over mean, over the poses of one person, mean over people.",
        f"ELA's CV is {ratio:.2f} of EAR's over the open lids; true points: spread {exact:.1e} degrees.",
        f"Depth within the lids: ours times {depth:.2f} is true (correlation {correlation:.2f}); in use {DEPTH:.2f}.",
        f"Shut lids read {shut:.2f} of open ones; in use {CLOSED_SHARE:.2f}.",
    ]  # fmt: skip


def ratios(points: FloatArray) -> FloatArray:
    """(2,) eye aspect ratio of the left and the right eye."""
    return np.array([eye_aspect_ratio(points[list(index), :2]) for index in EAR])


def depth_factor(seen: list[View]) -> tuple[float, float]:
    """The factor that makes our depth within the lids the true one (least squares), and the correlation of both."""
    pairs = []
    for view in seen:
        for lid in LIDS.reshape(-1, LIDS.shape[-1]):
            ours, true = view.ours[lid, 2], view.flat[lid, 2].astype(float)
            pairs.append((ours - ours.mean(), true - true.mean()))
    ours, true = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return float(ours @ true / (ours @ ours)), float(np.corrcoef(ours, true)[0, 1])


def _by_person(seen: list[View], values: FloatArray, opening: float) -> Iterator[FloatArray]:
    for person in sorted({view.person for view in seen}):
        yield values[[view.person == person and view.opening == opening for view in seen]]
