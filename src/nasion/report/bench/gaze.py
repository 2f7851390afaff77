"""Gaze: directions on rendered heads beside the head's own, points on a screen in a recorded session, time a frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import Camera, Face, FloatArray, Landmarks, scheme
from nasion.gaze import GazeSession, LandmarkGaze, Screen
from nasion.gaze.canonical import NODES, raw_features
from nasion.gaze.encoder import Encoder, cloud
from nasion.gaze.eyeball import eyeball_gaze, head_direction
from nasion.gaze.screen import angle_between
from nasion.metrics import bootstrap_mean, gaze_error
from nasion.report.bench.data import data_file
from nasion.report.bench.gaze_peers import raw_elastic_net, raw_ridge
from nasion.report.bench.machine import describe_models
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.synth import HeadModel, HeadTruth, render_scene, sample_scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FACES, SEED = 240, 901
WIDE = ((-30.0, 30.0), (-22.0, 18.0))  # degrees in the head, of every second face
SHUT = 6.0  # degrees between the lids below which nobody can say where an eye looks
TABLET = Screen(2048 / 264 * 25.4, 2732 / 264 * 25.4)  # of the recorded session: 2048 x 2732 px at 264 per inch
PIXELS = (2048, 2732)
GAZES = {"as in photos": False, "wide": True}
METHODS = ("looks where the head points", "eyeball model", "landmark-gaze")


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """A rendered head that was found: with refined eyes and its pose, and as the landmarker alone placed it."""

    face: Face
    placed: Landmarks
    truth: HeadTruth
    wide: bool


def bench_gaze(data: Path, faces: int = FACES) -> Result:
    """Measure gaze.

    Args:
        data: the data folder; of it ``gaze_screen``.
        faces: how many heads are rendered.
    """
    heads, missed = _rendered(faces)
    rows, directions, pairs = _directions(heads)
    iris_rows, irises = _irises(heads)
    screen_rows, screen, looks = _screen(data)
    speed = _speed(heads[0].face)
    best = directions["wide"]["landmark-gaze"]["mean"] / directions["wide"][METHODS[0]]["mean"]
    usual = directions["as in photos"]["landmark-gaze"]["mean"] / directions["as in photos"][METHODS[0]]["mean"]
    return Result(
        name="gaze",
        title="Gaze",
        command=command_line("gaze") + (f" --faces {faces}" if faces != FACES else ""),
        tables=(
            Table(
                "Direction: degrees off, rendered people never trained on, points and pose from our own models",
                ("eyes look", "heads", "method", "mean", "95 %", "median"),
                rows,
            ),
            Table(
                "Eye points of the same heads: error over the eye's width, percent; iris movement over true movement",
                ("points of", "iris centre", "lids", "iris follows"),
                iris_rows,
            ),
            Table(
                "Point on a tablet, one recorded person: 25 calibration frames at 5 targets, 120 frames at 40 others",
                ("method", "mean cm", "median cm", "across cm", "down cm", "mean degrees", "mean px"),
                screen_rows,
            ),
            Table(
                "Milliseconds a frame, one thread",
                ("what", "median"),
                tuple((name, f"{ms:.2f}") for name, ms in speed.items()),
            ),
        ),
        numbers={
            "direction": directions, "irises": irises, "screen": screen, "heads": len(heads), "missed": missed,
            "ms": speed,
            "models": describe_models("detector", "landmarker", "eye_points", "gaze", "gaze_encoder"),
        },
        notes=(
            f"Error of landmark-gaze over that of the head's direction: {usual:.2f} as in photos, {best:.2f} wide.",
            f"As in photos: eyes drawn from a bell of 9 and 6 degrees; wide: evenly over {WIDE[0]} and {WIDE[1]}.",
            f"{missed} of {faces} heads were not found or had their eyes shut; the camera is not known to any method.",
            "The eyeball model is given the rendered eyeball's own radius and place behind the corners.",
            "Screen: fits are chosen by leaving out one calibration target after the other, without test frames.",
            "The distance of the eyes, for degrees, is our own estimate.",
            "The recording does not come with its tablet's size; that of its published description is used.",
        ),
        plots={
            "screen": lambda figure: _plot_screen(looks, figure),
            "expected": lambda figure: _plot_expected(pairs, figure),
        },
    )  # fmt: skip


def _rendered(count: int) -> tuple[list[_Head], int]:
    from nasion.landmark import EyeRefiner
    from nasion.pipeline import Analyzer
    from nasion.pose import HeadPose

    analyzer, model, found = Analyzer(("landmarks",), threads=1), HeadModel.load(), []
    refiner, pose = EyeRefiner(threads=1), HeadPose()
    for number in progress(range(count), "gaze: rendered heads", count):
        rng = np.random.default_rng((SEED, number))
        scene = sample_scene(rng)
        if number % 2:
            yaw, pitch, squint = rng.uniform(*WIDE[0]), rng.uniform(*WIDE[1]), rng.uniform(0, 2.5)
            scene = replace(scene, head=replace(scene.head, gaze=((yaw + squint, pitch), (yaw - squint, pitch))))
        sample = render_scene(scene, model)
        faces = analyzer(sample.image)
        if faces and min(sample.truth.lid_opening) > SHUT:
            placed = faces[0].landmarks
            face = replace(faces[0], landmarks=refiner.refine(sample.image, [placed])[0])
            face = face.with_reading("pose", pose.read(sample.image, [face])[0])
            found.append(_Head(face, placed, sample.truth, bool(number % 2)))
    return found, count - len(found)


def _irises(heads: list[_Head]) -> tuple[tuple[tuple[str, ...], ...], dict[str, Any]]:
    """How far off eye points are, and how much of an eye's turn its iris shows, before and after they are refined."""
    truth = np.stack([head.truth.points for head in heads])
    corners = np.array([[33, 133], [263, 362]])
    width = np.linalg.norm(truth[:, corners[:, 0]] - truth[:, corners[:, 1]], axis=2)[..., None]
    lids = [scheme("dense478").index(f"{side}_eye") for side in ("right", "left")]

    def along(points: FloatArray) -> FloatArray:
        across, middle = points[:, corners[:, 0]] - points[:, corners[:, 1]], points[:, corners].mean(axis=2)
        return np.asarray((((points[:, [468, 473]] - middle) * across).sum(2) / (across**2).sum(2)).ravel())

    rows, numbers = [], {}
    for name, marks in (("landmarker", [h.placed for h in heads]), ("eye points", [h.face.landmarks for h in heads])):
        found = np.stack([one.points[:, :2] for one in marks])
        off = 100 * np.linalg.norm(found - truth, axis=2)
        iris, lid = off[:, [468, 473], None] / width, off[:, lids] / width
        follows = float(np.polyfit(along(truth), along(found), 1)[0])
        values = {"iris": float(iris.mean()), "lids": float(lid.mean()), "follows": follows}
        rows.append((name, f"{values['iris']:.2f}", f"{values['lids']:.2f}", f"{follows:.2f}"))
        numbers[name] = values
    return tuple(rows), numbers


def _directions(heads: list[_Head]) -> tuple[tuple[tuple[str, ...], ...], dict[str, Any], FloatArray]:
    reader = LandmarkGaze()
    width, height = heads[0].truth.size
    image, camera = np.zeros((height, width, 3), np.uint8), Camera.for_image(width, height)
    readings = reader.read(image, [head.face for head in heads])
    rotation = np.stack([head.face.pose.camera_rotation for head in heads])
    translation = np.array([head.face.pose.translation for head in heads])
    points = np.stack([head.face.landmarks.points[:, :2] for head in heads]).astype(np.float64)
    found = (
        head_direction(rotation), eyeball_gaze(points, rotation, translation, camera),
        np.array([reading.vector for reading in readings]),
    )  # fmt: skip
    truth = np.stack([head.truth.gaze.sum(axis=0) for head in heads])
    off = {name: gaze_error(vectors, truth) for name, vectors in zip(METHODS, found, strict=True)}
    wide = np.array([head.wide for head in heads])
    rows: list[tuple[str, ...]] = []
    numbers: dict[str, Any] = {}
    for name, kind in GAZES.items():
        mine, numbers[name] = wide == kind, {}
        for method, errors in off.items():
            mean = bootstrap_mean(errors[mine])
            median = float(np.median(errors[mine]))
            interval = f"{mean.low:.1f}..{mean.high:.1f}"
            rows.append((name, str(mine.sum()), method, f"{mean.value:.2f}", interval, f"{median:.2f}"))
            numbers[name][method] = {"mean": mean.value, "low": mean.low, "high": mean.high, "median": median}
    said = np.array([reading.expected_error for reading in readings])
    return tuple(rows), numbers, np.stack([said, off["landmark-gaze"]], axis=1)


def _screen(data: Path) -> tuple[tuple[tuple[str, ...], ...], dict[str, Any], dict[str, FloatArray]]:
    from nasion.pipeline.recording import read_recording, read_targets

    parts = {}
    for name in ("training", "test"):
        targets = read_targets(data_file(data, f"gaze_screen/{name}_pog.csv"))
        recorded = list(read_recording(data / "gaze_screen" / name, targets))
        parts[name] = [(frame.face, frame.target) for frame, _ in recorded if frame.face is not None]
        camera = recorded[0][1]
    (train, shown), (test, asked) = (
        ([face for face, _ in part], np.stack([target for _, target in part])) for part in parts.values()
    )
    session = GazeSession(TABLET, camera)
    eyes = np.stack([cloud(*_cloud_of(face), camera)[1][0] for face in test])
    before = _fractions(session, test)
    session.calibrate(train, shown)
    assert session.correction is not None, "calibrate sets it"
    x, later = (raw_features(np.stack([f.landmarks.points for f in faces])) for faces in (train, test))
    _, group = np.unique(shown, axis=0, return_inverse=True)
    found = {
        "screen centre": np.full_like(asked, 0.5),
        "ridge on raw points": raw_ridge(x, shown, group, later)[0],
        "elastic net on raw points": raw_elastic_net(x, shown, group, later)[0],
        "emc-gaze, not calibrated": before,
        "emc-gaze": _fractions(session, test),
    }
    rows: list[tuple[str, ...]] = []
    numbers: dict[str, Any] = {}
    for name, fractions in found.items():
        known = np.isfinite(fractions).all(axis=1)
        mm, aim = TABLET.to_mm(fractions[known]), TABLET.to_mm(asked[known])
        off, degrees = np.abs(mm - aim) / 10, angle_between(mm, aim, eyes[known])
        cm = np.linalg.norm(off, axis=1)
        px = float(np.linalg.norm((fractions - asked)[known] * PIXELS, axis=1).mean())
        values = (cm.mean(), np.median(cm), *off.mean(axis=0), degrees.mean())
        rows.append((name, *(f"{v:.2f}" for v in values), f"{px:.0f}"))
        names = ("cm", "median_cm", "across_cm", "down_cm", "degrees")
        numbers[name] = {k: float(v) for k, v in zip(names, values, strict=True)} | {
            "px": px,
            "frames": int(known.sum()),
        }
    left_out = {k: float(np.degrees(v)) for k, v in session.correction.left_out.items()}
    numbers["correction"] = {"kind": session.correction.kind, "left_out_degrees": left_out}
    return tuple(rows), numbers, {"asked": asked, **found}


def _fractions(session: GazeSession, faces: list[Face]) -> FloatArray:
    return np.array([(regard.x, regard.y) for regard in session.look(faces)])


def _cloud_of(face: Face) -> tuple[FloatArray, FloatArray, FloatArray]:
    points = face.landmarks.points[None, list(NODES)].astype(np.float64)
    return points, face.pose.camera_rotation[None], np.array([face.pose.translation])


def _speed(face: Face) -> dict[str, float]:
    """Median CPU milliseconds of what comes after the landmarks."""
    camera, encoder, reader = Camera.for_image(256, 256), Encoder(), LandmarkGaze()
    weights, image = np.zeros((10, 2)), np.zeros((256, 256, 3), np.uint8)

    def regard() -> None:
        solid, eyes = cloud(*_cloud_of(face), camera)
        code, way = encoder(solid)
        np.concatenate([code, way[:, :2] / way[:, 2:] + eyes[:, :2]], axis=1) @ weights

    def ridge() -> None:
        solid = np.zeros((1, 38, 3)) + np.arange(38)[:, None]
        code, way = encoder(solid)
        np.concatenate([code, way[:, :2]], axis=1) @ weights

    def direction() -> None:
        reader.read(image, [face])

    named = {"encoder and ridge": ridge, "with the lifting of points": regard, "task gaze": direction}
    out = {}
    for name, run in named.items():
        spent = []
        for _ in range(60):
            began = time.process_time()
            run()
            spent.append(1000 * (time.process_time() - began))
        out[name] = float(np.median(spent[5:]))
    return out


def _plot_screen(looks: dict[str, FloatArray], figure: Figure) -> None:
    asked = looks["asked"]
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, name in zip(panels, ("ridge on raw points", "emc-gaze"), strict=True):
        found = looks[name]
        for a, b in zip(asked, found, strict=True):
            axes.plot([a[0], b[0]], [a[1], b[1]], color="0.7", linewidth=0.6, zorder=1)
        axes.scatter(*found.T, s=9, color="tab:blue", label="read", zorder=2)
        axes.scatter(*np.unique(asked, axis=0).T, s=30, marker="+", color="tab:red", label="target", zorder=3)
        axes.set(title=name, xlabel="across, share of the screen", xlim=(-0.15, 1.15), ylim=(1.15, -0.15))
    panels[0].set_ylabel("down, share of the screen")
    panels[0].legend(loc="lower left", fontsize=8)


def _plot_expected(pairs: FloatArray, figure: Figure) -> None:
    axes = figure.subplots()
    said, off = pairs[np.argsort(pairs[:, 0])].T
    parts = np.array_split(np.arange(len(said)), 6)
    axes.scatter(said, off, s=8, color="0.75")
    axes.plot(
        [said[p].mean() for p in parts], [off[p].mean() for p in parts], "o-", color="tab:blue", label="mean of a sixth"
    )
    axes.plot([0, said.max()], [0, said.max()], color="tab:red", linewidth=0.8, label="as said")
    axes.set(
        xlabel="expected error, degrees",
        ylabel="error, degrees",
        title="landmark-gaze: how far off, and how far it says",
    )
    axes.set_ylim(0, float(np.percentile(off, 99)) + 2)
    axes.legend()
