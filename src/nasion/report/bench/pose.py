"""Head pose: 16 AFLW2000-3D photos with known angles, and the mirror test on the 90 HELEN photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import Face, FloatArray, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.metrics import angle_difference, bootstrap_mean, pose_errors, rotation_error
from nasion.report.bench.data import FacePhoto, aflw2000, helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import Found, annotated_face

if TYPE_CHECKING:
    from nasion.pipeline import Analyzer

ANGLES = ("yaw", "pitch", "roll")
MIRRORED = np.array([-1.0, 1.0, -1.0])  # what a mirror does to yaw, pitch and roll


def bench_pose(data: Path, limit: int | None = None) -> Result:
    """Measure the three angles against AFLW2000-3D, and against their own mirror images.

    Args:
        data: the data folder.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    from nasion.pipeline import Analyzer

    analyzer = Analyzer(tasks=("landmarks", "pose"), scheme="ibug68")
    known = _against_truth(analyzer, aflw2000(data)[:limit])
    mirror = _against_mirror(analyzer, helen(data)[:limit])
    rows, mirror_rows = (
        tuple((name, *(f"{e:.2f}" for e in of_angle.values())) for name, of_angle in measured["angles"].items())
        for measured in (known, mirror)
    )
    columns = ("angle", "mean", "median", "worst")
    return Result(
        name="pose",
        title="Head pose",
        command=command_line("pose", (), limit),
        tables=(
            Table(f"Absolute error, degrees: {known['found']} of {known['faces']} AFLW2000-3D faces", columns, rows),
            Table(
                f"Mirror test, degrees: {mirror['found']} of {mirror['faces']} HELEN photos",
                columns,
                mirror_rows,
            ),
        ),
        numbers={"aflw2000": known, "mirror": mirror, "models": describe_models("detector", "landmarker")},
        notes=(
            "AFLW2000-3D here is 16 photos: a sanity check, not a benchmark. Its angles come from a fitted 3-D model.",
            "Mirror test: mirroring must turn yaw and roll round and leave pitch; this is how far it is from that.",
            *((f"Not found: {', '.join(known['missed'])}.",) if known["missed"] else ()),
        ),
    )


def _against_truth(analyzer: Analyzer, photos: Sequence[FacePhoto]) -> dict[str, Any]:
    from nasion.media import read_image

    found, truth, files, missed = [], [], [], []
    for photo in progress(photos, "pose: AFLW2000", len(photos)):
        face = _annotated(analyzer(read_image(photo.path)), photo.points)
        if face is None or photo.pose is None:
            missed.append(photo.path.name)
            continue
        found.append(_angles(face))
        truth.append(photo.pose)
        files.append(photo.path.name)
    if not found:
        return {"faces": len(photos), "found": 0, "missed": missed, "angles": {}}
    a, b = np.stack(found), np.stack(truth)
    errors = pose_errors(a, b)
    turns = rotation_error(*(np.stack([angles_to_rotation(*row) for row in rows]) for rows in (a, b)))
    mean = bootstrap_mean(errors.mean(axis=1))
    return {
        "faces": len(photos),
        "found": len(found),
        "missed": missed,
        "mae_mean_of_three": mean.value,
        "mae_mean_of_three_95": [mean.low, mean.high],
        "angles": _summary(dict(zip(ANGLES, errors.T, strict=True)) | {"whole rotation": turns}),
        "per_photo": {f: {"found": _rounded(x), "truth": _rounded(y)} for f, x, y in zip(files, a, b, strict=True)},
    }


def _against_mirror(analyzer: Analyzer, photos: Sequence[FacePhoto]) -> dict[str, Any]:
    from nasion.media import read_image

    flip = scheme("ibug68").flip
    gaps = []
    for photo in progress(photos, "pose: mirror test", len(photos)):
        image = read_image(photo.path)
        mirrored_points = photo.points[flip] * (-1, 1) + (image.shape[1] - 1, 0)
        straight = _annotated(analyzer(image), photo.points)
        mirrored = _annotated(analyzer(np.ascontiguousarray(image[:, ::-1])), mirrored_points)
        if straight is not None and mirrored is not None:
            gaps.append(np.abs(angle_difference(_angles(mirrored), MIRRORED * _angles(straight))))
    out: dict[str, Any] = {"faces": len(photos), "found": len(gaps), "angles": {}}
    return out | {"angles": _summary(dict(zip(ANGLES, np.stack(gaps).T, strict=True)))} if gaps else out


def _annotated(faces: Sequence[Face], truth: FloatArray) -> Face | None:
    chosen = annotated_face([Found(face.box, np.asarray(i)) for i, face in enumerate(faces)], truth)
    return None if chosen is None else faces[int(chosen.points)]


def _angles(face: Face) -> FloatArray:
    return np.array([getattr(face.pose, name) for name in ANGLES])


def _summary(errors: dict[str, FloatArray]) -> dict[str, dict[str, float]]:
    return {
        name: {"mean": float(e.mean()), "median": float(np.median(e)), "worst": float(e.max())}
        for name, e in errors.items()
    }


def _rounded(values: FloatArray) -> list[float]:
    return [round(float(v), 2) for v in values]
