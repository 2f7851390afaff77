"""Writes what the studio's engine is compared with: rendered heads, and what Python reads in them.

    python benchmarks/studio_fixture.py

writes ``web/test/engine/fixture.json`` and ``fixture.bin.gz`` (people who do not exist; nobody's pictures), and the
rigid part of the mean face as ``web/src/engine/meanFace.ts``. Run it anew when an embedded model or a reader's
arithmetic changes, then ``npm test`` in ``web/``. Needs the extra ``train`` for the package onnx.

The page computes the landmarker in floats (``web/src/engine/floatGraph.ts``), so Python does here, too: with roundings
to 8 bits between the layers, one level in one pixel in two hundred moves the points by as much as leaving the roundings
out (0.1 px of the crop). What the graph as shipped says is kept beside it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasion.core import Box, Camera, Face, FloatArray, ImageArray, Landmarks, scheme
from nasion.detect import FaceDetector
from nasion.detect.canvas import fit
from nasion.detect.detector import ENLARGED, LONGEST
from nasion.eyes import PLAIN_CLOSED_SHARE, EyeKit, PersonBaseline, detect_blinks
from nasion.gaze import Encoder, GazeSession, RegardSmoother, Screen, calibration_points, pursuit
from nasion.gaze.ridge import fit_guarded
from nasion.gaze.session import _groups, _Looks
from nasion.landmark import Landmarker
from nasion.landmark.view import cut, view_matrix
from nasion.media import Frame
from nasion.models.catalogue import catalogue
from nasion.models.store import find_model
from nasion.pipeline import Analyzer, run_video
from nasion.pose.head_pose import RIGID
from nasion.report.bench.eyes_blinks import noisy
from nasion.synth import HeadModel, Look, Scene, SceneOptions, portrait, render_scene, sample_head, sample_scene
from nasion.synth.motion import motion
from nasion.synth.scene import place
from nasion.track import Tracker

WEB = Path(__file__).resolve().parents[1] / "web"
# size, fill, background: large faces on a webcam's picture are averaged before they are cut, small pictures are
# enlarged for the detector, large ones reduced by a whole and by an odd factor
STILLS: tuple[tuple[tuple[int, int], float, str], ...] = (
    ((640, 480), 0.80, "plain"), ((320, 240), 0.60, "plain"), ((208, 160), 0.70, "gradient"),
    ((240, 320), 0.35, "plain"), ((800, 452), 0.55, "plain"),
)  # fmt: skip
CLIP_SIZE, CLIP_FPS, CLIP_FRAMES = (200, 152), 30.0, 36
DETECT_EVERY = 10  # frames, as in web/src/engine/tracker.ts
SCREEN = Screen(520, 290, 0.45, 12)


class Store:
    """Arrays one after the other in one file, named in a table."""

    def __init__(self) -> None:
        self.table: dict[str, dict[str, Any]] = {}
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, values: npt.ArrayLike, dtype: str = "float32") -> None:
        array = np.ascontiguousarray(values, dtype)
        data = array.tobytes()
        data += bytes(-len(data) % 8)
        self.table[name] = {"dtype": dtype, "shape": list(array.shape), "offset": self._size}
        self._parts.append(data)
        self._size += len(data)

    def bytes(self) -> bytes:
        return gzip.compress(b"".join(self._parts), 9, mtime=0)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEB, help="the studio's source folder")
    out: Path = parser.parse_args(argv).out
    store = Store()
    model = HeadModel.load()
    with tempfile.TemporaryDirectory() as folder:
        floats = Path(folder) / "landmarker.onnx"
        floats.write_bytes(float_graph(find_model("landmarker")))
        told: dict[str, Any] = {"stills": _stills(store, model, floats), "clip": _clip(store, model, floats)}
    told["tracker"] = _crossing()
    told["models"] = {name: catalogue()[name].sha256 for name in ("detector", "landmarker", "gaze_encoder")}
    told |= {"curves": _curves(store), "gaze": _sessions(store), "smoother": _smoothed(store)}
    told["caution"] = Encoder().caution
    told["nine"], told["five"] = calibration_points(9).tolist(), calibration_points(5).tolist()
    told["pursuit"] = [[t, *pursuit(np.array([t]))[0].tolist()] for t in (0.0, 0.37, 1.9, 4.2)]
    told["arrays"] = store.table
    (out / "test/engine").mkdir(parents=True, exist_ok=True)
    (out / "test/engine/fixture.json").write_text(json.dumps(told) + "\n")
    (out / "test/engine/fixture.bin.gz").write_bytes(store.bytes())
    (out / "src/engine/meanFace.ts").write_text(mean_face())
    (out / "src/engine/mirrored.ts").write_text(mirrored())


def float_graph(path: Path) -> bytes:
    """A model that computes in 8 bits as one that computes in floats: weights as stored, activations not rounded.

    A rounding that cuts below zero was the layer's ReLU, and stays as one.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(path))
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = list(model.graph.node)
    rounded = {node.output[0]: node for node in nodes if node.op_type == "QuantizeLinear"}
    renamed: dict[str, str] = {}
    kept: list[Any] = []
    for node in nodes:
        if node.op_type == "QuantizeLinear":
            continue
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded:
            source, _, zero = rounded[node.input[0]].input
            source = renamed.get(source, source)
            if stored[zero] == 0:
                kept.append(helper.make_node("Relu", [source], [node.output[0]]))
            else:
                renamed[node.output[0]] = source
        elif node.op_type == "DequantizeLinear":
            values, scale, zero_point = (stored[name].astype(np.float32) for name in node.input)
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            if scale.ndim:
                shape = [-1 if k == axis else 1 for k in range(values.ndim)]
                scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
            model.graph.initializer.append(numpy_helper.from_array((values - zero_point) * scale, node.output[0]))
        else:
            for i, name in enumerate(node.input):
                node.input[i] = renamed.get(name, name)
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return bytes(model.SerializeToString())


def mean_face() -> str:
    """The rigid points of the mean face as a module of the engine."""
    template = scheme("dense478").template
    assert template is not None, "dense478 ships with its template"
    rows = [", ".join(f"{value:.6g}" for value in template[i]) for i in RIGID]
    body = "".join(f"  {row},\n" for row in rows)
    index = "".join(f"  {', '.join(map(str, RIGID[i : i + 18]))},\n" for i in range(0, len(RIGID), 18))
    return (
        "// Written by benchmarks/studio_fixture.py; not to be edited.\n\n"
        "/** dense478 points on bone (`nasion.pose.head_pose.RIGID`). */\n"
        f"export const RIGID: readonly number[] = [\n{index}];\n\n"
        "/** Where the mean adult face has them, mm in the head's frame, three numbers a point. */\n"
        f"export const RIGID_TEMPLATE: readonly number[] = [\n{body}];\n"
    )


def mirrored() -> str:
    """Which point of dense478 takes whose place in a mirror, as a module of the engine."""
    flip = scheme("dense478").flip
    body = "".join(f"  {', '.join(map(str, flip[i : i + 24]))},\n" for i in range(0, len(flip), 24))
    return (
        "// Written by benchmarks/studio_fixture.py; not to be edited.\n\n"
        "/** The point of dense478 whose place each one takes in a mirror. */\n"
        f"export const MIRRORED: readonly number[] = [\n{body}];\n"
    )


def _stills(store: Store, model: HeadModel, floats: Path) -> list[dict[str, Any]]:
    detector = FaceDetector(second_look=False, threads=1)  # the page runs the first look alone
    landmarker, shipped = Landmarker(floats, threads=1), Landmarker(threads=1)
    reader = Analyzer(("pose", EyeKit(refined=False)), threads=1)  # the page has no second network for the eyes
    told = []
    for number, (size, fill, background) in enumerate(STILLS):
        options = SceneOptions(
            size=size, fill=(fill, fill), yaw=(-25, 25), pitch=(-10, 10), field_of_view=(60, 60), background=background,
            degrade=0.0,
        )  # fmt: skip
        scene = replace(sample_scene(np.random.default_rng((71, number)), options), look=Look())
        image = coarse(render_scene(scene, model).image)
        if number == 1:  # and a mirrored twin beside, so that two are read at once
            image = np.concatenate([image, image[::-1, ::-1][::-1]], axis=1)
        name = f"still{number}"
        store.add(f"{name}.image", image, "uint8")
        found = detector.detect(image)
        placed = landmarker.place(image, found, passes=2)
        faces = [replace(face, landmarks=p.landmarks) for face, p in zip(found, placed, strict=True)]
        faces = reader.read(image, faces)
        exact = shipped.place(image, found, passes=2)
        store.add(f"{name}.shipped", np.stack([p.landmarks.points for p in exact]))
        store.add(f"{name}.canvas", fit(image, LONGEST, ENLARGED).pixels[::16, ::16], "uint8")
        store.add(f"{name}.crop", cut(image, view_matrix(found[0].landmarks, 128), 128), "uint8")
        store.add(f"{name}.five", np.stack([face.landmarks.points for face in found]))
        one = _told(store, name, faces, image)
        one["detections"] = [[*face.box.to_array().tolist(), face.score] for face in found]
        one["presence"] = [p.presence for p in placed]
        told.append(one)
    return told


def coarse(image: ImageArray) -> ImageArray:
    """The picture with 32 levels a channel, so that it packs well."""
    return np.asarray(image // 8 * 8, np.uint8)


def _told(store: Store, name: str, faces: Sequence[Face], image: ImageArray) -> dict[str, Any]:
    """What the readers say of each face."""
    store.add(f"{name}.points", np.stack([face.landmarks.points for face in faces]))
    store.add(f"{name}.visibility", np.stack([face.landmarks.visibility for face in faces]))
    store.add(f"{name}.sigma", np.stack([face.landmarks.sigma for face in faces]))
    session = GazeSession(SCREEN, Camera.for_image(image.shape[1], image.shape[0]))
    looks = session._looks(list(faces))  # noqa: SLF001  the numbers behind a point of regard are what the page hands on
    store.add(f"{name}.embedding", np.concatenate([looks.features, looks.eyes[:, 2:]], axis=1))
    return {
        "looks": looks.rows.tolist(),
        "pose": [[f.pose.yaw, f.pose.pitch, f.pose.roll, *f.pose.translation] for f in faces],
        "lids": [_lids(face) for face in faces],
    }


def _lids(face: Face) -> list[float]:
    lids: Any = face.readings["lids"]
    return [lids.left, lids.right, lids.opening, lids.left_reliability, lids.right_reliability]


def _clip(store: Store, model: HeadModel, floats: Path) -> dict[str, Any]:
    """Somebody who nods and blinks, followed as `nasion video` does; every sixth frame is kept in full."""
    rng = np.random.default_rng(4)
    camera, distance = portrait(CLIP_SIZE, 0.62, 40.0)
    head = replace(sample_head(rng, tone=(4, 5)), hair="buzz", gaze=((0.0, 0.0), (0.0, 0.0)))
    base = Scene(head, place(-8, 0, 4, (0.0, 0.0, distance)), camera, CLIP_SIZE, background="plain")
    made = motion(("blink", "nod"), CLIP_FRAMES / CLIP_FPS, CLIP_FPS, rng, base=base)
    images = []
    for frame, scene in enumerate(made.scenes(base)):
        image = coarse(render_scene(scene, model).image)
        images.append(np.roll(image, frame // 2, axis=1))  # and drifts to the right
    frames = np.stack(images)
    store.add("clip.images", np.diff(frames, axis=0, prepend=np.zeros_like(frames[:1])), "uint8")
    clip = [Frame(image, i, i / CLIP_FPS) for i, image in enumerate(frames)]
    detector = FaceDetector(second_look=False, threads=1)
    models = {"detector": detector, "landmarker": floats, "threads": 1}
    steady, plain = (
        Analyzer(tasks, mode="video", smooth=smooth, detect_every=DETECT_EVERY, **models)
        for tasks, smooth in ((("pose",), True), (("pose", EyeKit(refined=False)), False))
    )
    baseline = PersonBaseline(closed=PLAIN_CLOSED_SHARE)
    told: list[dict[str, Any]] = []
    points = []
    runs = (run_video(clip, analyzer, ahead=0) for analyzer in (steady, plain))
    for (frame, faces), (_, raw) in zip(*runs, strict=True):
        points.append(np.stack([face.landmarks.points for face in faces]))
        told.append({
            "ids": [face.track_id for face in faces],
            "scores": [face.score for face in faces],
            "pose": [[f.pose.yaw, f.pose.pitch, f.pose.roll] for f in faces],
            "lids": [_lids(face) for face in raw],  # of the points as placed: a filter would round blinks off
            "closure": [[baseline.closure(side, frame.time_s, _lids(face)[side]) for side in (0, 1)] for face in raw],
        })  # fmt: skip
    store.add("clip.points", np.stack(points)[::6])
    return {"fps": CLIP_FPS, "every": 6, "frames": told}


def _crossing() -> dict[str, Any]:
    """Three people: two cross, one goes away and comes back; the detector misses some, the landmarker fails."""
    tracker, rng = Tracker(detect_every=DETECT_EVERY), np.random.default_rng(8)
    frames = []
    for number in range(60):
        time_s = number / 25
        where = [(60 + 5 * number, 120 + number, 80), (380 - 5 * number, 150, 90), (220, 300, 70)]
        seen = [_face(x, y, size, rng) for i, (x, y, size) in enumerate(where) if not (i == 2 and 20 <= number < 34)]
        if 26 <= number < 33:
            seen = seen[1:]  # the first is behind the second
        due = tracker.due()
        detections = [face for face in seen if rng.random() > 0.1] if due else None
        candidates = tracker.candidates(time_s, detections)
        placed = [_snap(face, seen) for face in candidates]
        given = tracker.update(time_s, placed)
        frames.append({
            "seconds": time_s, "due": due,
            "detections": None if detections is None else [_row(face) for face in detections],
            "candidates": [_row(face) for face in candidates],
            "placed": [_row(face) for face in placed],
            "given": [_row(face) for face in given],
        })  # fmt: skip
    return {"frames": frames}


def _face(x: float, y: float, size: float, rng: np.random.Generator) -> Face:
    five = np.array([[0.15, -0.2], [-0.15, -0.2], [0.0, 0.0], [0.1, 0.2], [-0.1, 0.2]]) * size + (x, y)
    five += rng.normal(0, 0.01 * size, five.shape)
    box = Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    return Face(box, 0.95, Landmarks.from_points(five.round(3), scheme("coarse5")))


def _snap(face: Face, seen: Sequence[Face]) -> Face:
    away = [float(np.hypot(*np.subtract(face.box.center, other.box.center))) for other in seen]
    if not away or min(away) > 0.6 * face.box.width:
        return replace(face, score=0.1)
    return replace(seen[int(np.argmin(away))], track_id=face.track_id)


def _row(face: Face) -> list[float]:
    """Id (-1 for nobody known), score, box, five points."""
    number = -1 if face.track_id is None else face.track_id
    return [number, face.score, *np.round([*face.box.to_array(), *face.landmarks.points.ravel()], 2).tolist()]


def _curves(store: Store) -> list[dict[str, Any]]:
    """Openness curves, and the blinks in them."""
    told = []
    cases = (("blink", 30.0, 60.0), ("drowsy", 30.0, 80.0), ("blink", 15.0, 40.0), ("blink", 24.0, 12.0))
    for number, (script, fps, seconds) in enumerate(cases):
        made = motion([script, "saccade"], seconds, fps, np.random.default_rng(number))
        time_s, opening = made.time_s.copy(), noisy(made, number, PLAIN_CLOSED_SHARE).round(2)
        if number == 0:
            opening[300:309] = np.nan  # unknown for longer than a blink
            opening[600:603] = np.nan
        if number == 3:  # a camera that is not on time, and drops frames
            rng = np.random.default_rng(3)
            time_s += rng.uniform(0, 0.01, len(time_s))
            kept = rng.random(len(time_s)) > 0.05
            time_s, opening = time_s[kept], opening[kept]
        store.add(f"curve{number}.seconds", time_s, "float64")
        store.add(f"curve{number}.opening", opening, "float64")
        blinks = detect_blinks(time_s, opening, closed=PLAIN_CLOSED_SHARE)
        told.append({
            "script": script,
            "blinks": [[b.start_s, b.end_s, (b.shut_s + b.lift_s) / 2, b.amplitude] for b in blinks],
        })  # fmt: skip
    flat = np.arange(200) / 30
    store.add("curve4.seconds", flat, "float64")
    store.add("curve4.opening", 80 + np.random.default_rng(9).normal(0, 1, 200).round(2), "float64")
    told.append({"script": "awake, no blink", "blinks": []})
    time_s, opening = _halves()
    store.add("curve5.seconds", time_s, "float64")
    store.add("curve5.opening", opening, "float64")
    blinks = detect_blinks(time_s, opening, closed=PLAIN_CLOSED_SHARE)
    told.append({
        "script": "half closed, long closed, slowly opened",
        "blinks": [[b.start_s, b.end_s, (b.shut_s + b.lift_s) / 2, b.amplitude] for b in blinks],
    })  # fmt: skip
    return told


def _halves() -> tuple[FloatArray, FloatArray]:
    """Closures on both sides of every limit: (share of the way, seconds closed, seconds to open again)."""
    closures = (
        (1, 0.05, 0.15), (0.24, 0.1, 0.04), (0.28, 0.1, 0.04), (0.34, 0.1, 0.04), (0.5, 0.1, 0.2), (0.9, 0.3, 0.2),
        (1, 0.1, 0.9), (0.5, 1.2, 0.2), (0.58, 1.2, 0.2), (0.8, 1.5, 0.2), (1, 0.05, 0.15), (0.7, 0.02, 0.1),
    )  # fmt: skip
    time_s = np.arange(0, 3.0 * (len(closures) + 1), 1 / 30)
    shut = np.zeros(len(time_s))
    for number, (depth, closed, reopening) in enumerate(closures):
        start = 3.0 * number + 1.5
        closing = 0.04 if depth < 0.4 else 0.1  # quick ones are edges however shallow
        corners = np.cumsum([start, closing, closed, reopening])
        shut = np.maximum(shut, np.interp(time_s, corners, (0, depth, depth, 0)))
    noise = np.random.default_rng(15).normal(0, 0.4, len(time_s))
    return time_s, np.round(80 - 32 * shut + noise, 2)


def _sessions(store: Store) -> list[dict[str, Any]]:
    """Calibrations from simulated embeddings: an error to learn, a plain shift, none, too few, a moving target."""
    told = []
    cases = {"ridge": 5, "constant": 35, "none": 7, "two targets": 5, "pursuit": 5}  # seeds with which this is the best
    for number, (case, seed) in enumerate(cases.items()):
        rng = np.random.default_rng((seed, number))
        if case == "pursuit":
            targets = pursuit(np.arange(150) / 30)
        else:
            targets = np.repeat(calibration_points(9)[: 2 if case == "two targets" else 9], 20, axis=0)
        mm, test = SCREEN.to_mm(targets), SCREEN.to_mm(rng.uniform(0, 1, (20, 2)))
        looks, probe = (_simulated(case, rng, aim) for aim in (mm, test))
        session = GazeSession(SCREEN, Camera.for_image(640, 480))
        wanted = (mm - looks.base) / looks.eyes[:, 2:]
        session.correction = fit_guarded(looks.features, wanted, _groups(mm), session.encoder.caution)
        left = session.correction.left_out
        name = f"gaze{number}"
        store.add(f"{name}.targets", targets, "float64")
        for part, those in (("embedding", looks), ("probe", probe)):
            store.add(f"{name}.{part}", np.concatenate([those.features, those.eyes[:, 2:]], axis=1))
        found = probe.base + session.correction(probe.features) * probe.eyes[:, 2:]
        store.add(f"{name}.expected", SCREEN.to_fraction(found), "float64")
        groups = len(np.unique(_groups(mm)))
        told.append({"case": case, "kind": session.correction.kind, "left_out": left, "targets": groups})
    return told


def _simulated(case: str, rng: np.random.Generator, mm: FloatArray) -> _Looks:
    """What an encoder would say of somebody who looks at these places, mm in the camera's plane."""
    count = len(mm)
    eyes = np.float32(np.array([0.0, 20.0, 560.0]) + rng.normal(0, 8, (count, 3))).astype(float)
    share = mm / eyes[:, 2:]
    code = np.concatenate([share @ np.array([[2.0, 0.3], [-0.2, 2.5]]), rng.normal(0, 0.5, (count, 6))], axis=1)
    code += rng.normal(0, 0.02, code.shape)
    noise = rng.normal(0, 0.03, share.shape)
    if case in ("constant", "none"):  # nothing to learn from: the code is noise, each target errs in its own way
        _, group = np.unique(mm, axis=0, return_inverse=True)
        code, noise = rng.normal(0, 1, code.shape), rng.normal(0, 0.03, share.shape)[group.reshape(-1)]
    off = {
        "ridge": np.array([0.05, -0.08]) + code[:, :2] * (0.08, -0.06), "constant": np.array([0.08, -0.05]),
        "none": np.zeros(2), "two targets": np.array([0.05, 0.05]), "pursuit": code[:, :2] * 0.1,
    }[case]  # fmt: skip
    base = share + off + noise
    features = np.float32(np.concatenate([code, base], axis=1)).astype(float)
    return _Looks(np.arange(count), features, features[:, 8:] * eyes[:, 2:], eyes)


def _smoothed(store: Store) -> dict[str, Any]:
    rng = np.random.default_rng(12)
    time_s = np.cumsum(rng.uniform(0.02, 0.05, 80))
    time_s[60:] += 1.0  # nobody there for a second
    at = np.where(time_s[:, None] < 1.4, (50.0, 90.0), (-120.0, 200.0)) + rng.normal(0, 15, (80, 2))
    at[20:24] = np.nan
    smoother = RegardSmoother(15.0)
    store.add("smoother.points", at, "float64")
    store.add("smoother.seconds", time_s, "float64")
    store.add("smoother.expected", [smoother(point, float(t)) for point, t in zip(at, time_s, strict=True)], "float64")
    return {"noise": 15.0, "screen": [SCREEN.width_mm, SCREEN.height_mm, SCREEN.camera_x, SCREEN.camera_above_mm]}


if __name__ == "__main__":
    main()
