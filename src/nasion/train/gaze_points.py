"""Heads as our landmarker would see them, without a picture: the synthetic head's points plus measured errors.

A thousand faces a second instead of ten: enough to learn from tens of thousands.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nasion.core import Camera, FloatArray, Pose
from nasion.core.gaze import gaze_vector
from nasion.core.geometry.pnp import solve_pnp_batch
from nasion.core.schemes.dense478 import mean_face
from nasion.gaze.canonical import NODES
from nasion.gaze.features import POINTS
from nasion.gaze.normalize import normalise
from nasion.pose.head_pose import RIGID
from nasion.synth import HeadModel, HeadParameters, SceneOptions, sample_scene
from nasion.synth.lids import LOWER_OPEN, UPPER_OPEN, lid_angles
from nasion.train.gaze_noise import LandmarkNoise, turn

INDEX = tuple(sorted({*POINTS, *NODES, *RIGID}))  # points of dense478 that anybody looks at
ROW = {point: row for row, point in enumerate(INDEX)}
CAMERA = Camera.for_image(256, 256)  # the one assumed, whatever took the picture
SCENES = SceneOptions(yaw=(-48, 48), pitch=(-30, 30), roll=(-25, 25), fill=(0.2, 0.75), expression=None)
CHUNK = 512
LOUD = (0.8, 1.4)  # the errors drawn are this many times the measured ones: photos are harder than renders


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """B heads as found in their pictures by someone who does not know the camera.

    Attributes:
        pixels: (B, P, 2) float32 px, the points of ``INDEX``.
        depth: (B, P) float32 px behind the head's origin.
        rotation: (B, 3, 3) head pose from these points, head to camera frame.
        translation: (B, 3) mm.
    """

    pixels: FloatArray
    depth: FloatArray
    rotation: FloatArray
    translation: FloatArray

    def rows(self, points: Sequence[int]) -> FloatArray:
        """(B, N, 2) px of some points of ``dense478``."""
        return np.asarray(self.pixels[:, [ROW[p] for p in points]])


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """B heads, known exactly.

    Attributes:
        points: (B, P, 3) mm, head frame, the points of ``INDEX``.
        rotation: (B, 3, 3), head to camera frame.
        translation: (B, 3) mm.
        focal: (B,) px of the camera that looks at each.
        roll: (B,) degrees.
        state: (B, 6) what the landmarker's bias depends on (`gaze_noise.Residuals`).
    """

    points: FloatArray
    rotation: FloatArray
    translation: FloatArray
    focal: FloatArray
    roll: FloatArray
    state: FloatArray


def gather(heads: Sequence[tuple[HeadParameters, Pose, float]], model: HeadModel) -> Heads:
    """Work out the points of heads given as parameters, pose and focal length (px)."""
    parameters, poses, focal = zip(*heads, strict=True)
    lids = np.array([[lid_angles(p, side, (UPPER_OPEN, LOWER_OPEN)) for side in (0, 1)] for p in parameters])
    angles = np.array([(pose.yaw, pose.pitch) for pose in poses])
    gaze = np.array([p.gaze for p in parameters]).mean(axis=1)
    return Heads(
        np.stack([model.points(p)[list(INDEX)] for p in parameters]).astype(np.float32),
        np.stack([pose.camera_rotation for pose in poses]),
        np.array([pose.translation for pose in poses]),
        np.array(focal),
        np.array([pose.roll for pose in poses]),
        np.concatenate([angles, gaze, lids[:, :, 0] - lids[:, :, 1]], axis=1),
    )


def see(heads: Heads, error: FloatArray) -> Seen:
    """Project the points, add errors, and find the pose again as the reader ``pose`` does.

    Args:
        heads: the truth.
        error: (B, P, 3) mm, upright, as `LandmarkNoise` draws it.
    """
    solid = np.einsum("bij,bnj->bni", heads.rotation, heads.points) + heads.translation[:, None]
    per_mm = heads.focal / heads.translation[:, 2]
    pixels = solid[..., :2] / solid[..., 2:] * heads.focal[:, None, None] + (CAMERA.cx, CAMERA.cy)
    tilt = np.stack([turn(r) for r in heads.roll])
    pixels += np.einsum("bij,bnj->bni", tilt, error[..., :2]) * per_mm[:, None, None]
    depth = (solid[..., 2] - heads.translation[:, 2:] + error[..., 2]) * per_mm[:, None]
    rigid = [ROW[p] for p in RIGID]
    template = mean_face()[list(RIGID)]
    fits = [
        solve_pnp_batch(template, pixels[i : i + CHUNK, rigid], CAMERA) for i in range(0, len(pixels), CHUNK)
    ]  # fmt: skip
    return Seen(
        pixels.astype(np.float32),
        depth.astype(np.float32),
        np.concatenate([fit.rotation for fit in fits]),
        np.concatenate([fit.translation for fit in fits]),
    )


def draw_heads(rng: np.random.Generator, people: int, views: int, model: HeadModel) -> Heads:
    """People of random shape, ``views`` times each in a row, every time with another pose, face and gaze."""
    out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eyes that turn as far as they can are drawn back, as they should be
        for _ in range(people):
            identity = None
            for _ in range(views):
                scene = sample_scene(rng, SCENES)
                identity = scene.head.identity if identity is None else identity
                out.append((replace(scene.head, identity=identity, gaze=_gaze(rng)), scene.pose, scene.camera.fx))
    return gather(out, model)


def _gaze(rng: np.random.Generator) -> tuple[tuple[float, float], tuple[float, float]]:
    wide = rng.random() < 0.6
    yaw = rng.uniform(-36, 36) if wide else rng.normal(0, 11)
    pitch = rng.uniform(-36, 26) if wide else rng.normal(-2, 8)
    squint = rng.uniform(-0.5, 3)
    return (yaw + squint, pitch), (yaw - squint, pitch)


def draw_errors(rng: np.random.Generator, noise: LandmarkNoise, heads: Heads, views: int) -> FloatArray:
    """(B, P, 3) mm: bias, each person's own part, each picture's own part; ``views`` pictures a person in a row."""
    count = len(heads.points)
    loud = rng.uniform(*LOUD, (count // views, 1, 1)).repeat(views, axis=0)
    person = noise.person(rng, count // views).repeat(views, axis=0)
    weight = rng.uniform(0.7, 1.15, (count, 1, 1))  # of the bias: not every camera and skin shrinks alike
    return np.asarray(weight * noise.bias(heads.state) + loud * (person + noise.picture(rng, count)))


def true_gaze(heads: Heads) -> FloatArray:
    """(B, 3) unit vectors in the camera frame: the mean of both eyes' gaze.

    The mean of the angles stands for the mean of the directions: with eyes that squint by 3 degrees they differ by
    less than 0.05 degrees.
    """
    return np.einsum("bij,bj->bi", heads.rotation, gaze_vector(heads.state[:, 2:4]))


def twenty(seen: Seen) -> tuple[FloatArray, FloatArray]:
    """(B, 20, 2) normalised points of LandmarkGaze and the (B, 3, 3) turns to the virtual cameras."""
    virtual = normalise(seen.rotation, seen.translation)
    return virtual.points(seen.rows(POINTS).astype(np.float64), CAMERA), virtual.rotation
