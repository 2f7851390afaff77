"""The eyelid angle on rendered heads: does it hold still while the head turns, and what does it make of the lids?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nasion.core import FloatArray
from nasion.eyes import (
    CLOSED_SHARE,
    DEPTH,
    PLAIN_CLOSED_SHARE,
    EyeKit,
    combined_angle,
    eye_aspect_ratio,
    eye_weights,
    eyelid_angles,
)
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
    """A rendered head: its true points in px and in mm, ours in px, and what the eye kit says, degrees.

    ``ours`` are the landmarker's points and ``again`` those with lids placed again, ``plain`` and ``refined`` what
    `EyeKit` makes of each; ``yaw`` is ours, too.
    """

    person: int
    opening: float
    yaw: float
    solid: FloatArray
    flat: FloatArray
    ours: FloatArray
    again: FloatArray
    plain: float
    refined: float


def views(people: int = PEOPLE) -> tuple[list[View], int]:
    """Every person with every opening in every pose, and how many our detector missed."""
    model, kit = HeadModel.load(), EyeKit(refined=False)
    plain, refined = (Analyzer(("pose", task), threads=1) for task in (kit, "lids"))
    camera, distance = portrait(SIZE, FILL, FIELD)
    found, missed = [], 0
    combinations = [(p, o, y, x) for p in range(people) for o in OPENINGS for y in YAWS for x in PITCHES]
    for person, opening, yaw, pitch in progress(combinations, "lids", len(combinations)):
        head = sample_head(np.random.default_rng((SEED, person)))
        head = replace(head, lids=(opening, opening), gaze=((0.0, 0.0), (0.0, 0.0)), expression={})
        pose = place(yaw, pitch, 0, (0.0, 0.0, distance))
        sample = render_scene(Scene(head, pose, camera, SIZE, light=LIGHTS["soft"]), model)
        faces = plain(sample.image)
        if not faces:
            missed += 1
            continue
        first = replace(faces[0], readings={})
        again = refined.read(sample.image, [first])[0]
        truth, ours, better = sample.truth, first.landmarks.points, again.landmarks.points
        found.append(
            View(
                person, opening, again.pose.yaw, truth.points3d, truth.landmarks().points, ours.astype(float),
                better.astype(float), faces[0].lids.opening, again.lids.opening,
            )
        )  # fmt: skip
    return found, missed


def lids_part(people: int = PEOPLE) -> tuple[list[Table], dict[str, Any], list[str]]:
    """Tables, numbers and notes."""
    seen, missed = views(people)
    weights = np.stack([eye_weights(view.yaw) for view in seen])
    true = np.array([eyelid_angles(view.solid, 1.0)[0] for view in seen])
    true_ear = np.array([ratios(view.flat).mean() for view in seen])
    exact = max(np.ptp(v) for opening in OPENINGS for v in _by_person(seen, true, opening))
    tables, numbers = [], {}
    for name, title, points, ela in (
        ("refined", "lids placed again, their depth from the lid model (task lids)", [v.again for v in seen],
         np.array([v.refined for v in seen])),
        ("plain", "the landmarker's own lids and depth (the studio's page)", [v.ours for v in seen],
         np.array([v.plain for v in seen])),
    ):  # fmt: skip
        both = np.array([ratios(one) for one in points])
        flat = [float(combined_angle(eyelid_angles(p), v.yaw)) for p, v in zip(points, seen, strict=True)]
        measures = {
            "EAR": both.mean(1), "EAR, eyes weighed": (both * weights).sum(1), "ELA": ela,
            "ELA, the landmarker's depth": np.array(flat), "ELA, true points": true, "EAR, true points": true_ear,
        }  # fmt: skip
        table, numbers[name] = _route(seen, measures, f"{title}: {people} rendered people, yaw ±40, pitch ±20")
        tables.append(table)
    depth, correlation = depth_factor(seen)
    again, own = numbers["refined"], numbers["plain"]
    across = again["cv_ela"] / own["cv_ear"]
    notes = [
        "CV: standard deviation over mean, over the 15 poses of one person, mean over people; none on shut lids.",
        f"ELA's CV over the open lids is {again['cv_ratio']:.2f} of that of EAR on the same points.",
        f"It is {across:.2f} of that of EAR on the landmarker's; with the landmarker's lids {own['cv_ratio']:.2f}.",
        f"True points: ELA spreads by {exact:.1e} degrees.",
        f"ELA read: {_line(again)}; with the landmarker's lids {_line(own)}.",
        f"ELA's spread over its way from shut to open: {again['spread_over_way']:.3f}, {own['spread_over_way']:.3f}.",
        f"Shut lids read {again['closed_share']:.2f} of open ones, in use {CLOSED_SHARE:.2f}.",
        f"The landmarker's read {own['closed_share']:.2f}, in use {PLAIN_CLOSED_SHARE:.2f}.",
        f"Depth within the landmarker's lids: {depth:.2f} times it is true (correlation {correlation:.2f}).",
        f"In use: {DEPTH:.2f} times.",
    ]
    rest = {"depth_factor": depth, "depth_correlation": correlation, "true_spread_deg": float(exact), "missed": missed}
    return tables, {**numbers, "cv_ratio_to_plain_ear": across, **rest}, notes


def _route(seen: list[View], measures: dict[str, FloatArray], title: str) -> tuple[Table, dict[str, Any]]:
    rows: list[tuple[Any, ...]] = []
    openings: dict[str, Any] = {}
    ela, true = measures["ELA"], measures["ELA, true points"]
    for opening in OPENINGS:
        part = {name: list(_by_person(seen, values, opening)) for name, values in measures.items()}
        variation = {name: float(np.mean([np.std(v) / np.mean(v) for v in kept])) for name, kept in part.items()}
        mean = {name: float(np.mean([np.mean(v) for v in kept])) for name, kept in part.items()}
        spread = float(np.mean([np.std(v) for v in part["ELA"]]))
        openings[str(opening)] = {
            "cv": variation, "ela_deg": mean["ELA"], "ela_std_deg": spread, "true_ela_deg": mean["ELA, true points"],
            "ear": mean["EAR"], "ratio": variation["ELA"] / variation["EAR"],
        }  # fmt: skip
        shut = opening == SHUT
        rows.append((
            f"{opening:.0f}°", f"{mean['ELA, true points']:.1f}", f"{mean['ELA']:.1f} ± {spread:.1f}",
            f"{mean['EAR']:.3f}", *("-" if shut else f"{variation[name]:.3f}" for name in measures),
            "-" if shut else f"{variation['ELA'] / variation['EAR']:.2f}",
        ))  # fmt: skip
    opened = [openings[str(opening)]["cv"] for opening in OPENINGS if opening > SHUT]
    cv_ela, cv_ear = (float(np.mean([cv[name] for cv in opened])) for name in ("ELA", "EAR"))
    way = openings[str(max(OPENINGS))]["ela_deg"] - openings[str(SHUT)]["ela_deg"]
    slope, offset = np.polyfit(true, ela, 1)
    numbers = {
        "spread_over_way": float(np.mean([openings[str(o)]["ela_std_deg"] for o in OPENINGS if o > SHUT])) / way,
        "openings": openings, "cv_ela": cv_ela, "cv_ear": cv_ear, "cv_ratio": cv_ela / cv_ear,
        "closed_share": openings[str(SHUT)]["ela_deg"] / openings[str(max(OPENINGS))]["ela_deg"],
        "slope": float(slope), "offset_deg": float(offset), "correlation": float(np.corrcoef(true, ela)[0, 1]),
        "rms_deg": float(np.sqrt(((ela - true) ** 2).mean())),
    }  # fmt: skip
    columns = ("between lids", "true ELA (°)", "ELA (°)", "EAR", *(f"CV {name}" for name in measures), "ELA over EAR")
    return Table(title, columns, tuple(rows)), numbers


def _line(route: dict[str, Any]) -> str:
    return (
        f"{route['slope']:.2f} times the true angle and {route['offset_deg']:+.1f}, correlation "
        f"{route['correlation']:.3f}, off by {route['rms_deg']:.1f} (root mean square)"
    )


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
