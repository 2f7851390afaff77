"""The synthetic head fitted to photos, and to its own renders where the truth is known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, Landmarks, scheme
from nasion.core.geometry.pnp import solve_pnp
from nasion.metrics import bootstrap_mean, nme
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import Found, annotated_face, percent
from nasion.report.bench.synth_sheets import write_sheets
from nasion.synth.expression import jaw_angle
from nasion.synth.fit import FREE_UNITS, assumed_camera
from nasion.synth.fit_skin import HeadFit
from nasion.synth.model import HeadModel
from nasion.synth.sampling import SceneOptions, synth_batch
from nasion.synth.scene import Sample

RENDERS, RENDER_SEED = 60, 31
OUTER = (33, 263)
_PHOTO_COLUMNS = ("what", "mean", "95 %", "median", "worst")
_RENDER_COLUMNS = ("what", "unit", "from placed points", "from true points", "guess")


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A photo with its fit, and CPU seconds of the fit."""

    photo: FacePhoto
    image: ImageArray
    face: Face
    fit: HeadFit
    seconds: float


def bench_synth_fit(data: Path, sheets: Path | None = None, limit: int | None = None) -> Result:
    """Fit the head to every annotated face that is found, and to random renders.

    Args:
        data: the data folder.
        sheets: a folder for pictures that show the photos beside the fits; they are not part of the result.
        limit: only the first photos and as many renders, for a quick look.
    """
    from nasion.pipeline import Analyzer

    model, analyzer = HeadModel.load(), Analyzer(tasks=("landmarks",), threads=1)
    photos = helen(data)[:limit]
    found = _fit_photos(photos, analyzer, model)
    rows, numbers = _on_photos(found, model)
    numbers["missed"] = len(photos) - len(found)
    drawn = list(synth_batch(limit or RENDERS, RENDER_SEED, SceneOptions(yaw=(-40, 40), degrade=0.0), model))
    truth_rows, truth_numbers = _on_renders(drawn, analyzer, model)
    if sheets is not None:
        write_sheets(sheets, [(f.image, f.fit) for f in found], model)
    return Result(
        name="synth-fit",
        title=f"The synthetic head fitted to {len(photos)} HELEN test photos and to {len(drawn)} renders",
        command=command_line("synth-fit", limit=limit),
        tables=(
            Table("On photos, per cent of the distance between the outer eye corners", _PHOTO_COLUMNS, rows),
            Table("On renders, mean error against the truth", _RENDER_COLUMNS, truth_rows),
        ),
        numbers={"photos": numbers, "renders": truth_numbers, "models": describe_models("detector", "landmarker")},
        notes=(
            f"{numbers['missed']} photos on which the annotated face was not found are left out.",
            "Dense: the 478 points of the fitted head against those the landmarker placed; fidelity, not truth.",
            "68: converted from the head's points in three dimensions, against human labels.",
            "Beside it the placed dense points through the same conversion, and the 68 points placed directly.",
            f"CPU per photo, one thread, detection and landmarks left out: {numbers['seconds_median']:.2f} s.",
            f"Skin: {numbers['skin_levels_median']:.1f} of 255 levels off, median; pixels weigh by likeness to skin.",
            "Guess: what one would say without looking: rest, straight gaze, usual lids, tone 5.5, the mean face.",
        ),
    )


def _fit_photos(photos: Sequence[FacePhoto], analyzer: Any, model: HeadModel) -> list[Fitted]:
    from nasion.media import read_image
    from nasion.pipeline.head_fit import fit_face

    out = []
    for photo in progress(photos, "fitting", len(photos)):
        image = read_image(photo.path)
        faces = analyzer(image)
        boxed = [Found(face.box, face.landmarks.to("ibug68").points) for face in faces]
        best = annotated_face(boxed, photo.points)
        if best is None:
            continue
        face = next(face for face, own in zip(faces, boxed, strict=True) if own is best)
        start = time.process_time()
        fit = fit_face(image, face, None, model)
        out.append(Fitted(photo, image, face, fit, time.process_time() - start))
    return out


def _on_photos(found: Sequence[Fitted], model: HeadModel) -> tuple[tuple[tuple[str, ...], ...], dict[str, Any]]:
    errors: dict[str, list[float]] = {
        name: [] for name in ("dense, fitted head", "dense, mean head in the best pose", "68, fitted head",
                              "68, placed dense points converted", "68, as placed")
    }  # fmt: skip
    for f in found:
        placed = f.face.landmarks
        human = f.photo.points[None]
        values = (
            f.fit.geometry.error,
            _mean_head(placed, f.image.shape, model),
            float(nme(_sparse(f.fit, model)[None], human)[0]),
            float(nme(_converted(placed.points)[None, :, :2], human)[0]),
            float(nme(placed.to("ibug68").points[None, :, :2], human)[0]),
        )
        for name, value in zip(errors, values, strict=True):
            errors[name].append(value)
    rows, numbers = [], {}
    for name, each in errors.items():
        mean, all_of_them = bootstrap_mean(np.array(each)), np.array(each)
        ends = f"{100 * mean.low:.2f}-{100 * mean.high:.2f}"
        rows.append((name, f"{100 * mean.value:.2f}", ends, str(percent(float(np.median(all_of_them)))),
                     str(percent(float(all_of_them.max())))))  # fmt: skip
        numbers[name] = {
            "mean": mean.value, "mean_95": [mean.low, mean.high], "median": float(np.median(each)), "worst": max(each),
            "per_face": [round(v, 5) for v in each],
        }  # fmt: skip
    skin = np.array([f.fit.skin_error for f in found])
    return tuple(rows), {
        "errors": numbers,
        "seconds_median": float(np.median([f.seconds for f in found])),
        "skin_levels_median": float(np.nanmedian(skin)),
        "without_colours": int(np.isnan(skin).sum()),
    }


def _mean_head(placed: Landmarks, shape: tuple[int, ...], model: HeadModel) -> float:
    """Dense error of the mean face at rest, laid on the points as well as it goes."""
    from nasion.synth.parameters import HeadParameters

    camera = assumed_camera(placed, shape[1], shape[0])
    mean, target = model.points(HeadParameters()), placed.points[:, :2].astype(np.float64)
    pose = solve_pnp(mean, target, camera, placed.visibility / np.maximum(placed.sigma, 1e-6) ** 2)
    seen = camera.project(mean @ pose.rotation.T + pose.translation)
    return float(np.linalg.norm(seen - target, axis=1).mean() / np.linalg.norm(target[OUTER[0]] - target[OUTER[1]]))


def _converted(points: FloatArray) -> FloatArray:
    """(68, D) of (478, D) points by the conversion alone."""
    return np.asarray(Landmarks.from_points(points, scheme("dense478")).to("ibug68").points)


def _sparse(fit: HeadFit, model: HeadModel) -> FloatArray:
    """(68, 2) px of the fitted head."""
    pose = fit.geometry.pose
    solid = _converted(model.points(fit.head)).astype(np.float64)
    return fit.geometry.camera.project(solid @ pose.camera_rotation.T + np.array(pose.translation))


def _on_renders(
    drawn: Sequence[Sample], analyzer: Any, model: HeadModel
) -> tuple[tuple[tuple[str, ...], ...], dict[str, Any]]:
    """Median errors of what a fit says of renders: from placed points, from true points, and of a plain guess."""
    from nasion.pipeline.head_fit import fit_face

    ways: dict[str, list[dict[str, float]]] = {"placed": [], "true": [], "guess": []}
    for sample in progress(drawn, "renders", len(drawn)):
        faces = analyzer(sample.image)
        if not faces:
            continue
        true = Landmarks.from_points(sample.truth.points, scheme("dense478"), 0.5)
        for way, face in (("placed", faces[0]), ("true", replace(faces[0], landmarks=true))):
            fit = fit_face(sample.image, face, sample.truth.camera, model)
            ways[way].append(_off(fit, sample, model))
        ways["guess"].append(_guess(sample, model))
    words = {
        "yaw": ("yaw", "degrees"), "pitch": ("pitch", "degrees"), "roll": ("roll", "degrees"),
        "shape": ("points in the head frame", "mm"), "units": ("action units", "0..1"), "jaw": ("jaw", "degrees"),
        "lids": ("lid opening", "degrees"), "gaze": ("gaze", "degrees"), "tone": ("tone", "of 10"),
    }  # fmt: skip
    numbers = {way: {k: float(np.mean([v[k] for v in each])) for k in each[0]} for way, each in ways.items()}
    rows = tuple(
        (label, unit, *(f"{numbers[way][k]:.2f}" if k in numbers[way] else "-" for way in ways))
        for k, (label, unit) in words.items()
    )
    return rows, {**numbers, "faces": len(ways["true"])}


def _off(fit: HeadFit, sample: Sample, model: HeadModel) -> dict[str, float]:
    """Absolute errors of one fit."""
    truth, head, shown, pose = sample.truth, fit.head, sample.scene.head, fit.geometry.pose
    lids = np.array([eye.upper - eye.lower for eye in model.eyes(head)])
    return {
        **{name: abs(getattr(pose, name) - getattr(truth.pose, name)) for name in ("yaw", "pitch", "roll")},
        "shape": _apart(model.points(head), truth.points3d),
        "units": float(np.mean([np.abs(np.subtract(head.sides(u), shown.sides(u))) for u in FREE_UNITS])),
        "jaw": abs(jaw_angle(head) - jaw_angle(shown)),
        "lids": float(np.abs(lids - truth.lid_opening).mean()),
        "gaze": float(np.abs(np.array(head.gaze) - truth.gaze_angles).mean()),
        "tone": abs(head.tone - truth.tone),
    }


def _guess(sample: Sample, model: HeadModel) -> dict[str, float]:
    from nasion.synth.parameters import HeadParameters

    truth, shown, rest = sample.truth, sample.scene.head, HeadParameters()
    usual = [eye.upper - eye.lower for eye in model.eyes(rest)]
    return {
        "shape": _apart(model.points(rest), truth.points3d),
        "units": float(np.mean([shown.sides(u) for u in FREE_UNITS])),
        "jaw": jaw_angle(shown),
        "lids": float(np.abs(np.subtract(usual, truth.lid_opening)).mean()),
        "gaze": float(np.abs(truth.gaze_angles).mean()),
        "tone": abs(5.5 - truth.tone),
    }


def _apart(a: FloatArray, b: FloatArray) -> float:
    """Mean distance of two (478, 3) point sets after their centres meet and the first has the second's size."""
    a, b = a - a.mean(0), b - b.mean(0)
    return float(np.linalg.norm(a * np.linalg.norm(b) / np.linalg.norm(a) - b, axis=1).mean())
