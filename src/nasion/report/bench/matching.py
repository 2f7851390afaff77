"""Matching: pairs right by noise, faces, layouts, and what a conversion found by matching is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import SCHEMES, Camera, FloatArray, convert, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.metrics import nme
from nasion.report.bench.data import helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import Found, annotated_face

POINTS, COMMON, LEFT_OUT = 68, 38, 15  # of 68 points 53 are seen in each view, 38 in both
DISTANCE, FOCAL = 800.0, 800.0  # mm, px
TURNS = (10.0, 30.0, 60.0)  # degrees between the views
NOISE = (0.0, 0.5, 1.0)  # px
TRIALS, FACE_TRIALS, FACE_NOISE = 20, 30, 2.0
LAYOUTS = (("ibug68", "occ100"), ("wflw98", "occ100"), ("cofw29", "ibug68"), ("aflw19", "wflw98"))


def bench_matching(data: Path, limit: int | None = None) -> Result:
    """Measure pairs against what they are by construction, and a conversion against human points.

    Args:
        data: the data folder.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    views = {f"{cost} {noise:g} px": _views(cost, noise) for cost in ("epipolar", "ray") for noise in NOISE}
    faces, layouts = _faces(), {f"{a} to {b}": _layouts(a, b) for a, b in LAYOUTS}
    converted = _conversion(data, limit)
    percent = "{:.1%}".format
    return Result(
        name="matching",
        title="Matching by optimal transport",
        command=command_line("matching", (), limit),
        tables=(
            Table(
                f"Two views of {POINTS} points, pairs right ({TRIALS} faces at each of {len(TURNS)} angles)",
                ("cost, noise", "nearest point", "transport", "partial", "unflagged share", "of those right"),
                tuple(
                    (name, *(percent(row[k]) for k in ("nearest", "all", "partial", "unflagged", "unflagged_right")))
                    for name, row in views.items()
                ),
            ),
            Table(
                "Layouts by their mean faces",
                ("layouts", "pairs", "same name", "ambiguous"),
                tuple((name, row["pairs"], row["right"], row["ambiguous"]) for name, row in layouts.items()),
            ),
            Table(
                f"dense478 to ibug68 on {converted['faces']} HELEN faces, against human points, inter-ocular",
                ("conversion", "points", "mean error", "of the table on these points"),
                tuple(
                    (n, converted["points"][n], f"{v:.2%}", f"{converted['table_there'][n]:.2%}")
                    for n, v in converted["error"].items()
                ),
            ),
        ),
        numbers={
            "views": views,
            "faces_right": faces,
            "layouts": layouts,
            "conversion": converted,
            "models": describe_models("detector", "landmarker"),
        },
        notes=(
            f"Four faces in two views, up to {FACE_NOISE:g} px of noise: {faces:.1%} of {4 * FACE_TRIALS} right.",
            f"Partial: {POINTS - LEFT_OUT} points in each view, {COMMON} in both.",
            "Nearest: the cheapest partner for each point, one partner perhaps for many.",
            "Same name: pairs whose points the two layouts call alike, of those whose source name the target knows.",
            "The conversion by examples is learned from one half of the faces and measured on the other, both ways.",
            "Points that a conversion lacks are left out of its mean.",
        ),
    )


def random_face(rng: np.random.Generator) -> FloatArray:
    """(68, 3) mm: points on a curved face-sized surface before the first camera."""
    x, y = rng.uniform(-75, 75, POINTS), rng.uniform(-100, 100, POINTS)
    z = DISTANCE + (x**2 / 70 + y**2 / 90) / 2 + rng.normal(0, 8, POINTS)
    return np.stack([x, y, z], axis=1)


def orbit_rig(degrees: float) -> tuple[Any, Any]:
    """Two views of a face ``DISTANCE`` mm away, the second turned about it."""
    from nasion.landmark.matching import View

    camera = Camera(FOCAL, FOCAL, 320.0, 240.0)
    turn, face = angles_to_rotation(degrees, 0.0, 0.0), np.array([0.0, 0.0, DISTANCE])
    return View(camera, np.eye(3), np.zeros(3)), View(camera, turn, face - turn @ face)


def _views(cost: Any, noise: float) -> dict[str, float]:
    from nasion.landmark.matching import epipolar_cost, match_views, ray_cost

    between = ray_cost if cost == "ray" else epipolar_cost
    right: dict[str, list[float]] = {"nearest": [], "all": [], "partial": [], "unflagged": [], "unflagged_right": []}
    sure: list[bool] = []
    for degrees in TURNS:
        a, b = orbit_rig(degrees)
        for trial in range(TRIALS):
            rng = np.random.default_rng(trial)
            points = random_face(rng)
            x, y = (view.project(points) + rng.normal(0, noise, (POINTS, 2)) for view in (a, b))
            order = rng.permutation(POINTS)
            right["nearest"].append(float((order[between(x, y[order], a, b).argmin(axis=1)] == range(POINTS)).mean()))
            found = match_views(x, y[order], a, b, cost=cost)
            good = order[found.pairs[:, 1]] == found.pairs[:, 0]
            right["all"].append(float(good.mean()))
            right["unflagged"].append(float((~found.ambiguous).mean()))
            sure += good[~found.ambiguous].tolist()
            drawn = rng.permutation(POINTS)
            in_a, in_b = drawn[:-LEFT_OUT], np.concatenate([drawn[:COMMON], drawn[-LEFT_OUT:]])
            found = match_views(x[in_a], y[in_b], a, b, cost=cost, count=COMMON)
            right["partial"].append(float((in_a[found.pairs[:, 0]] == in_b[found.pairs[:, 1]]).mean()))
    right["unflagged_right"] = [float(v) for v in sure] or [0.0]
    return {name: float(np.mean(values)) for name, values in right.items()}


def _faces() -> float:
    from nasion.landmark.matching import match_faces

    a, b = orbit_rig(30.0)
    right = []
    for trial in range(FACE_TRIALS):
        rng = np.random.default_rng(trial)
        shifts = np.stack([np.linspace(-300, 300, 4), rng.uniform(-60, 60, 4), rng.uniform(-100, 200, 4)], axis=1)
        people = [random_face(rng) + shift for shift in shifts]
        noise, order = rng.uniform(0, FACE_NOISE), rng.permutation(4)
        seen_a = [a.project(face) + rng.normal(0, noise, (POINTS, 2)) for face in people]
        seen_b = [b.project(people[i]) + rng.normal(0, noise, (POINTS, 2)) for i in order]
        pairs = match_faces(seen_a, seen_b, a, b).faces.pairs
        right.append(float((order[pairs[:, 1]] == pairs[:, 0]).mean()))
    return float(np.mean(right))


def _layouts(a: str, b: str) -> dict[str, Any]:
    from nasion.landmark.matching import match_schemes

    found = match_schemes(a, b)
    known = set(SCHEMES[b].names)
    named = [(x, y) for x, y in found.names() if x in known]
    return {
        "pairs": len(found.matching),
        "right": f"{sum(x == y for x, y in named)} of {len(named)}",
        "ambiguous": int(found.matching.ambiguous.sum()),
    }


def _conversion(data: Path, limit: int | None) -> dict[str, Any]:
    from nasion.landmark.matching import learn_conversion, match_schemes
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    analyzer = Analyzer(tasks=("landmarks",))
    dense, truth = [], []
    photos = helen(data)[:limit]
    for photo in progress(photos, "matching: HELEN", len(photos)):
        faces = analyzer(read_image(photo.path))
        chosen = annotated_face([Found(face.box, np.asarray(i)) for i, face in enumerate(faces)], photo.points)
        if chosen is not None:
            dense.append(faces[int(chosen.points)].landmarks)
            truth.append(photo.points)
    human = np.stack(truth)
    source, target = scheme("dense478"), scheme("ibug68")
    flat = np.stack([face.points[:, :2] for face in dense])
    halves = np.arange(len(dense)) % 2
    by_template = match_schemes("dense478", "ibug68")
    by_example = [learn_conversion(flat[halves != h], human[halves != h], source, target) for h in (0, 1)]
    answers = {
        "none: the network's own 68": [face.to("ibug68") for face in dense],
        "the learned table of core": [convert(face, "ibug68") for face in dense],  # not the network's own
        "matching, mean faces": [by_template.convert(face) for face in dense],
        "matching, examples": [by_example[h].convert(face) for h, face in zip(halves, dense, strict=True)],
    }
    table = np.stack([convert(face, "ibug68").points[:, :2] for face in dense])
    errors, there, counts, spreads = {}, {}, {}, {}
    for name, given in answers.items():
        placed = np.stack([points.points[:, :2] for points in given]).astype(np.float64)
        known = np.flatnonzero(np.isfinite(placed).all(axis=(0, 2)))
        errors[name] = float(nme(placed, human, points=known).mean())
        there[name] = float(nme(table, human, points=known).mean())
        counts[name] = f"{len(known)} of 68"
        off = (placed - human)[:, known]
        eyes = np.linalg.norm(human[:, 36] - human[:, 45], axis=1)
        spreads[name] = float(np.sqrt(((off / eyes[:, None, None]) ** 2).mean()))
    return {"faces": len(dense), "error": errors, "points": counts, "table_there": there, "rms_per_axis": spreads}
