"""The synthetic head: how fast it renders, how well its truth can be measured again, and points placed on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nasion.core import FloatArray
from nasion.core.geometry.pnp import solve_pnp
from nasion.core.geometry.rotation import rotations_to_angles
from nasion.core.pose import line_of_sight
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.synth_components import components
from nasion.report.bench.synth_landmarks import measure
from nasion.synth.background import background
from nasion.synth.model import HeadModel
from nasion.synth.render import render
from nasion.synth.sampling import SceneOptions, sample_scene
from nasion.synth.scene import Sample, head_mesh, render_scene
from nasion.synth.truth import HeadTruth, head_truth

SIZES = (128, 192, 256, 512)
FACES = 40
STEPS = ("shape", "paint", "mesh", "render", "truth", "whole")
_LIDS = ((386, 374), (159, 145))
_IRISES = (473, 468)


def bench_synth(
    faces: int = FACES, sizes: Sequence[int] = SIZES, landmarkers: Sequence[str | Path] = ("landmarker",)
) -> Result:
    """Render random faces one after the other, alone on one thread; place points on some.

    Args:
        faces: how many at each size, and for each yaw band.
        sizes: px.
        landmarkers: whose points on renders are measured: names of the catalogue or ONNX files.
    """
    model = HeadModel.load()
    rows, numbers = [], {}
    for size in sizes:
        times = _times(model, size, faces)
        numbers[str(size)] = times
        rows.append((f"{size} px", *(f"{times[step]:.1f}" for step in STEPS)))
    errors, mirror = _loop(model, faces)
    labels = {
        "pose": "pose by PnP on the true points", "gaze": "gaze through iris and eye centre",
        "lids": "lid angles from points 159, 145, 386, 374",
    }  # fmt: skip
    points, nme = measure(landmarkers, faces)
    sliders, figures = components()
    loop = tuple((labels[name], f"{np.median(v):.5f}", f"{np.max(v):.5f}") for name, v in errors.items())
    return Result(
        name="synth",
        title="The synthetic head",
        command=command_line("synth"),
        tables=(
            Table(
                f"CPU milliseconds a picture, one thread, median of {faces} random faces", ("size", *STEPS), tuple(rows)
            ),
            Table("Truth measured again, degrees off", ("what", "median", "worst"), loop),
            points,
            *sliders,
        ),
        numbers={
            "ms": numbers,
            "degrees": {name: {"median": float(np.median(v)), "worst": float(np.max(v))} for name, v in errors.items()},
            "mirror_px": mirror,
            "landmarks": nme,
            "components": figures,
        },
        notes=(
            "Points on renders: people of their own for each band; the first crop is cut by the true five points.",
            "Their error is over the distance of the outer eye corners as it would be from the front.",
            "The true jaw is a line on the skin: far jaws of turned heads differ from labels; inner 51 has no jaw.",
            "shape, paint: the head model; mesh: place and normals; render: pixels, shadows, all maps; truth: rays.",
            "Whole adds background, exposure, noise, and paints a fresh person each time.",
            "A clip, and synth_batch(views=...), paint a person once.",
            f"Truth of the mirrored scene and mirrored truth differ by at most {mirror:.5f} px.",
        ),
    )


def _times(model: HeadModel, size: int, faces: int) -> dict[str, float]:
    """Median CPU time of each step, ms."""
    options = SceneOptions(size=(size, size))
    spent: dict[str, list[float]] = {step: [] for step in STEPS}
    for number in progress(range(faces + 1), f"{size} px", faces + 1):
        scene = sample_scene(np.random.default_rng((11, number)), options)
        clock = _Clock()
        model.shape(scene.head)
        spent["shape"].append(clock.lap())
        model.paint(scene.head, 256 if size <= 288 else 512)
        spent["paint"].append(clock.lap())
        head_mesh(scene, model)  # keeps the paint
        clock.lap()
        head = head_mesh(scene, model)
        spent["mesh"].append(clock.lap() - spent["shape"][-1])
        backdrop = background(scene.background, scene.size, scene.seed)
        clock.lap()
        render([head], scene.camera, scene.size, scene.light, backdrop)
        spent["render"].append(clock.lap())
        points = (head.vertices[:478] - scene.pose.translation) @ scene.pose.camera_rotation
        head_truth(scene, model, points, [head])
        spent["truth"].append(clock.lap())
        other = replace(scene, head=replace(scene.head, seed=scene.head.seed + 1))
        clock.lap()
        render_scene(other, model)
        spent["whole"].append(clock.lap())
    return {step: float(np.median(values[1:])) for step, values in spent.items()}  # the first one warms up


class _Clock:
    """CPU milliseconds between laps."""

    def __init__(self) -> None:
        self._last = time.process_time()

    def lap(self) -> float:
        now = time.process_time()
        passed, self._last = 1000 * (now - self._last), now
        return passed


def _loop(model: HeadModel, faces: int) -> tuple[dict[str, list[float]], float]:
    """Degrees between the truth and what its points say, and px between mirrored truth and truth of the mirror."""
    options = SceneOptions(
        yaw=(-75, 75), pitch=(-35, 35), roll=(-40, 40), size=(96, 96), expression="random", occlude=0.5
    )
    errors: dict[str, list[float]] = {"pose": [], "gaze": [], "lids": []}
    worst = 0.0
    for number in progress(range(faces), "truth", faces):
        scene = sample_scene(np.random.default_rng((12, number)), options)
        sample: Sample = render_scene(scene, model)
        truth = sample.truth
        errors["pose"].append(_pose_error(truth))
        for eye in (0, 1):
            line = truth.points3d[_IRISES[eye]] - truth.eye_centres[eye]
            errors["gaze"].append(_angle(truth.pose.camera_rotation @ line, truth.gaze[eye]))
            local = (truth.points3d[list(_LIDS[eye])] - truth.eye_centres[eye]) @ truth.eye_axes[eye].T
            read = np.degrees(np.arctan2(local[:, 1], local[:, 2]))
            errors["lids"].append(float(np.abs(read - truth.lid_angles[eye]).max()))
        mirrored = render_scene(scene.mirror(model), model).truth
        worst = max(worst, float(np.abs(mirrored.points - truth.flip().points).max()))
    return errors, worst


def _pose_error(truth: HeadTruth) -> float:
    found = solve_pnp(truth.points3d, truth.points, truth.camera)
    angles = rotations_to_angles(line_of_sight(found.translation).T @ found.rotation)
    return float(np.abs(angles - (truth.pose.yaw, truth.pose.pitch, truth.pose.roll)).max())


def _angle(a: FloatArray, b: FloatArray) -> float:
    cosine = (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
