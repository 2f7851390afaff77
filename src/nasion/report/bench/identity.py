"""Who is there and how far: identification, the distance from the eyes, and ten minutes of the whole loop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import Face, FloatArray, InputError, Landmarks, scheme
from nasion.identity import FaceEmbedder
from nasion.pipeline import Analyzer
from nasion.pipeline.assist import EYES_M, distance_m
from nasion.pose import HeadPose
from nasion.report.bench.identity_clips import portraits, rendered_people, run_script
from nasion.report.bench.identity_stills import read_photos, some_people, stills_part
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADS, HEAD_SEED = 90, 6203
NEAREST_M, FARTHEST_M, TURN = 0.4, 2.5, 45.0
KNOWN, UNKNOWN, ENROLLED, SHOWN = 8, 8, 3, 3
SECONDS = 600.0


PARTS = ("stills", "distance", "script")
NOTES = {
    "stills": (
        "Photos: grey web crops; FPIR is the share of photos of people not enrolled that get a name.",
        "The threshold comes from people who take no part in the test; a photo too poor to compare is not named.",
    ),
    "distance": (
        f"Distance: rendered heads at {NEAREST_M} to {FARTHEST_M} m before a known camera.",
        "The true eyes of each head are as far apart as its shape says, the estimate takes 63 mm for all.",
    ),
    "script": (
        "Script: still photos moved through the frame, not filmed people; what is enrolled is not shown again.",
        "Script: the threshold is the one in use; half of its people are among those that it was found on.",
    ),
}


def bench_identity(
    data: Path | None, parts: Sequence[str] = PARTS, limit: int | None = None, seconds: float = SECONDS
) -> Result:
    """Measure all of it, or some parts.

    Args:
        data: the data folder; the photos are those of ``identity``. Not needed for ``distance`` alone.
        parts: of ``PARTS``.
        limit: only so many people and heads.
        seconds: length of the script.

    Raises:
        ModelError: the embedding network is not here.
        InputError: there is no such part, or the photos are not here.
    """
    for part in parts:
        if part not in PARTS:
            raise InputError(f"there is no part {part!r} of this benchmark; there are {', '.join(PARTS)}")
    if data is None and {"stills", "script"} & set(parts):
        raise InputError("parts stills and script need the shared data: name their folder with --data or NASION_DATA")
    tables: list[Table] = []
    numbers: dict[str, Any] = {}
    plots: dict[str, Any] = {}
    if "stills" in parts and data is not None:
        made, numbers["stills"] = stills_part(read_photos(data, FaceEmbedder(threads=1), limit))
        tables += made
        plots["dir"] = partial(_plot_dir, numbers["stills"])
    if "distance" in parts:
        table, numbers["distance"] = distance_part(min(limit or HEADS, HEADS))
        tables.append(table)
        plots["distance"] = partial(_plot_distance, numbers["distance"])
    if "script" in parts and data is not None:
        table, numbers["script"] = scripts_part(data, seconds)
        tables.append(table)
    every = len(numbers) == len(PARTS)
    words = ["nasion bench identity", *([] if every else [f"--part {','.join(numbers)}"])]
    words += [f"--limit {limit}"] if limit else []
    words += [f"--seconds {seconds:g}"] if seconds != SECONDS else []
    return Result(
        name="identity" if every else f"identity-{'-'.join(numbers)}",
        title="People: who is there, how far, and what is said",
        command=" ".join(words),
        tables=tuple(tables),
        numbers=numbers,
        notes=tuple(note for part in numbers for note in NOTES[part]),
        plots=plots,
    )


def distance_part(count: int) -> tuple[Table, dict[str, Any]]:
    """Rendered heads whose place is known, seen by our detector and landmarker."""
    from dataclasses import replace

    from nasion.core import Camera
    from nasion.synth import HeadModel, SceneOptions, place, render_scene, sample_scene

    model, size, rows = HeadModel.load(), (640, 480), []
    camera = Camera.for_image(*size)
    analyzer = Analyzer(("landmarks", HeadPose(camera)), threads=1)
    options = SceneOptions(pitch=(-10, 10), roll=(-10, 10), size=size, degrade=0.2)
    for number in progress(range(count), "heads", count):
        rng = np.random.default_rng((HEAD_SEED, number))
        scene = sample_scene(rng, options)
        z = float(np.exp(rng.uniform(np.log(NEAREST_M), np.log(FARTHEST_M)))) * 1000
        yaw = float(rng.uniform(-TURN, TURN))
        reach = np.array(size) * 0.28 * z / camera.fx
        x, y = (float(rng.uniform(-r, r)) for r in reach)
        scene = replace(scene, camera=camera, pose=place(yaw, scene.pose.pitch, scene.pose.roll, (x, y, z)))
        sample = render_scene(scene, model)
        truth = sample.truth
        eyes = truth.eye_centres @ truth.pose.camera_rotation.T + np.array(truth.pose.translation)
        true = float(np.linalg.norm(eyes.mean(0))) / 1000
        own_mm = float(np.linalg.norm(eyes[0] - eyes[1]))
        exact = Face(
            Landmarks.from_points(truth.points, scheme("dense478")).box, 1.0,
            Landmarks.from_points(truth.points, scheme("dense478")), readings={"pose": truth.pose},
        )  # fmt: skip
        faces = analyzer(sample.image)
        if not faces:
            rows.append((true, yaw, own_mm, *[np.nan] * 3, distance_m(exact, camera)))
            continue
        face = faces[0]
        plain = distance_m(replace(face, readings={}), camera)
        by_pose = float(np.linalg.norm(face.pose.translation)) / 1000
        rows.append((true, yaw, own_mm, distance_m(face, camera), plain, by_pose, distance_m(exact, camera)))
    table = np.array(rows)
    off = table[:, 3:] / table[:, :1] - 1
    numbers: dict[str, Any] = {
        "heads": count,
        "found": int(np.isfinite(off[:, 0]).sum()),
        "eyes_mm": [float(table[:, 2].mean()), float(table[:, 2].std())],
    }
    lines = []
    for name, column in (
        ("eyes, turn divided out", 0),
        ("eyes, as they appear", 1),
        ("mean head laid on the points", 2),
        ("true points and pose", 3),
    ):
        cells: list[str] = []
        for low, high in ((0, 20), (20, 45)):
            here = (np.abs(table[:, 1]) >= low) & (np.abs(table[:, 1]) < high) & np.isfinite(off[:, column])
            error = np.abs(off[here, column])
            one = {
                "median": float(np.median(error)), "within_15": float((error <= 0.15).mean()), "heads": int(here.sum()),
                "bias": float(np.median(off[here, column])),
            }  # fmt: skip
            numbers.setdefault(name, {})[f"{low}-{high}"] = one
            cells += [f"{100 * one['median']:.1f}", f"{100 * one['within_15']:.0f}"]
        lines.append((name, *cells))
    numbers["points"] = [[round(float(v), 3) for v in row[[0, 1, 3]]] for row in table if np.isfinite(row[3])]
    columns = (
        "distance by",
        "yaw < 20: median error (%)",
        "within 15 % (%)",
        "yaw 20 to 45: median error (%)",
        "within 15 % (%)",
    )
    return Table(f"{count} rendered heads, 640 x 480, known camera", columns, tuple(lines)), numbers


def scripts_part(data: Path, seconds: float) -> tuple[Table, dict[str, Any]]:
    """The clip with people of the photos, and a quarter of it with rendered ones."""
    real = portraits(some_people(data, KNOWN + UNKNOWN, ENROLLED + SHOWN))
    drawn = portraits(rendered_people(KNOWN + UNKNOWN, ENROLLED + SHOWN, 41))
    numbers = {
        "photos": run_script(real, KNOWN, ENROLLED, seconds, 3),
        "rendered": run_script(drawn, KNOWN, ENROLLED, seconds / 4, 3),
    }
    rows = []
    for name, one in numbers.items():
        due = max(one["visits_of_known"], 1)
        rows.append((
            f"{name}, {one['minutes']:.1f} min", one["pressed"], one["asked_again"], one["visits_of_known"],
            f"{100 * one['named_in_time'] / due:.0f}", one["missed"], one["false_names"], one["repeats"],
            f"{one['lines_a_minute']:.1f}", f"{1000 / one['ms_a_frame']:.1f}",
        ))  # fmt: skip
    columns = (
        f"{KNOWN} known, {UNKNOWN} unknown", "enrolled by one press", "asked to merge the second time",
        "visits to be named", "named within 2 s (%)", "never named", "false names", "repeats within 30 s",
        "lines a minute", "frames a second of one core",
    )  # fmt: skip
    return Table("The whole loop at 640 x 480", columns, tuple(rows)), numbers


def _plot_dir(numbers: dict[str, Any], figure: Figure) -> None:
    axes = figure.subplots()
    for name, one in numbers["systems"].items():
        axes.plot(
            [100 * share for share in numbers["fpir_grid"]], [100 * v for v in one["curve"]], marker="o", label=name
        )
    axes.axvline(1, color="0.8", zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel("unknown photos that get a name (%)")
    axes.set_ylabel("known photos named right (%)")
    axes.set_ylim(0, 100)
    axes.legend(loc="center right")


def _plot_distance(numbers: dict[str, Any], figure: Figure) -> None:
    axes = figure.subplots()
    table: FloatArray = np.array(numbers["points"])
    drawn = axes.scatter(
        table[:, 0], 100 * (table[:, 2] / table[:, 0] - 1), c=np.abs(table[:, 1]), s=14, cmap="viridis"
    )
    for edge in (-15, 15):
        axes.axhline(edge, color="0.7", lw=0.8)
    axes.set_xlabel("true distance (m)")
    axes.set_ylabel(f"error of the estimate from {1000 * EYES_M:.0f} mm (%)")
    figure.colorbar(drawn, label="yaw (degrees)")
