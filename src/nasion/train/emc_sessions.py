"""Simulated calibration sessions: a person before a screen, what the landmarker would see, and what is looked at.

Each session has a person (head shape, eyes whose line of sight is off their axis by an angle kappa of their own, errors
of the landmarker of their own), a screen that is not quite where it is said to be, a camera whose field of view is not
quite the one assumed, and frames: calibration looks with the head held still, then others, with the head still or
moving, or following a moving target.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nasion.core import BoolArray, Camera, FloatArray, Pose, scheme
from nasion.core.gaze import gaze_angles
from nasion.core.pose import line_of_sight
from nasion.gaze.canonical import NODES
from nasion.gaze.encoder import cloud
from nasion.gaze.targets import calibration_points, pursuit
from nasion.synth import HeadModel, HeadParameters, place
from nasion.train.gaze_noise import LandmarkNoise, Residuals
from nasion.train.gaze_points import CAMERA, INDEX, LOUD, ROW, Heads, Seen, gather, see

SUPPORT, QUERY = 16, 20  # frames: calibration (the nine points first), then others
VIEWS = 2  # independent landmarkings of each frame
SETTINGS = (  # width and height mm of the screen, distances mm: tablet, laptop, monitor
    ((165, 270), (150, 270), (250, 450)),
    ((260, 350), (160, 220), (400, 700)),
    ((400, 620), (240, 350), (500, 850)),
)
FARTHEST = 34.0  # degrees an eye turns before the head follows
DRIFT = np.array([30.0, 24.0, 45.0, 33.0])  # degrees of yaw, pitch, gaze yaw, gaze pitch that change the error entirely
JITTER = 0.12  # of the errors, new in every frame; on recorded sessions irises that rest scatter by 0.1 mm
KAPPA = ((4.5, 1.6), (-1.5, 1.2))  # degrees, mean and spread: line of sight nasal and above of the eye's axis


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """S sessions of F frames, ``SUPPORT`` of them for calibration.

    Attributes:
        points: (S, F, V, N, 3) float32 mm, what the encoder sees, ``VIEWS`` times.
        eyes: (S, F, V, 3) float32 mm, where the look starts as found.
        target: (S, F, 2) float32 mm in the camera's plane, where the screen says the target is.
        gaze: (S, F, 3) float32, true direction, camera frame.
        raw: (S, F, 478-less P, 3) float32 px of ``INDEX``, view 0: for baselines.
        moving: (S,) whether the head moves after the calibration.
        pursuit: (S,) whether the later frames follow a moving target.
    """

    points: FloatArray
    eyes: FloatArray
    target: FloatArray
    gaze: FloatArray
    raw: FloatArray
    moving: BoolArray
    pursuit: BoolArray

    def part(self, rows: slice) -> Sessions:
        """Some of the sessions."""
        return Sessions(*(getattr(self, f.name)[rows] for f in fields(self)))


def draw_sessions(residuals: Residuals, count: int, seed: int = 0) -> Sessions:
    """Simulate.

    Args:
        residuals: the landmarker's measured errors.
        count: sessions, a person each.
        seed: of everything.
    """
    noise = LandmarkNoise(residuals, INDEX, scheme("dense478").flip)
    model = HeadModel.load()
    made: list[tuple[Any, ...]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eyes that turn as far as they can
        made += [_session(np.random.default_rng((seed, 30, number)), model, noise) for number in range(count)]
    columns = [np.stack(column) for column in zip(*made, strict=True)]
    return Sessions(*columns)


def _session(rng: np.random.Generator, model: HeadModel, noise: LandmarkNoise) -> tuple[Any, ...]:
    (w0, w1), (h0, h1), far = SETTINGS[rng.integers(3)]
    width, height = rng.uniform(w0, w1), rng.uniform(h0, h1)
    moving, follows = rng.random() < 0.6, rng.random() < 0.2
    share = _targets(rng, follows)
    nominal = np.stack([(0.5 - share[:, 0]) * width, share[:, 1] * height + 5], axis=1)
    true = _misplaced(rng, nominal)
    identity = np.clip(rng.normal(0, 0.9, 40), -2.6, 2.6)
    eyes = np.stack([eye.centre for eye in model.eyes(HeadParameters(identity=identity))])
    nasal, up = rng.normal(*KAPPA[0]), rng.normal(*KAPPA[1])
    kappa = np.array([[nasal, up], [-nasal, up]]) + rng.normal(0, 0.5, (2, 2))
    poses = _poses(rng, true, float(rng.uniform(*far)), moving)
    face = {unit: float(rng.uniform(0, 0.5)) * (rng.random() < 0.4) for unit in (5, 6, 7, 12)}
    focal = Camera.for_image(256, 256, float(np.clip(rng.normal(60, 6), 48, 76))).fx
    heads, looks = [], []
    for pose, point in zip(poses, true, strict=True):
        way = point - (eyes @ pose.camera_rotation.T + pose.translation)
        looks.append(way.mean(axis=0) / np.linalg.norm(way.mean(axis=0)))
        axis = gaze_angles(way @ pose.camera_rotation) - kappa
        units = {unit: float(np.clip(v + rng.normal(0, 0.05), 0, 1)) for unit, v in face.items()}
        (ly, lp), (ry, rp) = axis.tolist()
        heads.append((HeadParameters(identity=identity, expression=units, gaze=((ly, lp), (ry, rp))), pose, focal))
    found = gather(heads, model)
    views = [see(found, error) for error in _errors(rng, noise, found)]
    clouds = [_cloud(view) for view in views]
    points = np.stack([c[0] for c in clouds], axis=1).astype(np.float32)
    starts = np.stack([c[1] for c in clouds], axis=1).astype(np.float32)
    raw = np.concatenate([views[0].pixels, views[0].depth[..., None]], axis=2)
    return points, starts, nominal.astype(np.float32), np.array(looks, np.float32), raw, moving, follows


def _cloud(seen: Seen) -> tuple[FloatArray, FloatArray]:
    rows = [ROW[p] for p in NODES]
    points = np.concatenate([seen.pixels[:, rows], seen.depth[:, rows, None]], axis=2)
    return cloud(points, seen.rotation, seen.translation, CAMERA)


def _targets(rng: np.random.Generator, follows: bool) -> FloatArray:
    calibration = np.concatenate([calibration_points(9), rng.uniform(0.05, 0.95, (SUPPORT - 9, 2))])
    later = pursuit(np.arange(QUERY) * 0.12) if follows else rng.uniform(0.03, 0.97, (QUERY, 2))
    return np.concatenate([calibration, later])


def _misplaced(rng: np.random.Generator, nominal: FloatArray) -> FloatArray:
    """(F, 3) mm: where targets really are, when the camera leans against the screen and stands a little aside."""
    lean = np.radians(rng.normal(0, (4, 2)))
    off = rng.normal(0, (6, 6))
    z = np.tan(lean[0]) * nominal[:, 1] + np.tan(lean[1]) * nominal[:, 0]
    return np.concatenate([nominal + off, z[:, None]], axis=1)


def _poses(rng: np.random.Generator, targets: FloatArray, distance: float, moving: bool) -> list[Pose]:
    """One a frame: the head turns with the eyes by some share, and by all that they cannot turn."""
    place_at = np.array([rng.normal(0, 25), rng.normal(25, 30), distance])
    base = rng.normal(0, (4, 5, 3))
    follow = rng.uniform(0, 0.45) * rng.choice([0.2, 1.0])
    out = []
    for number, target in enumerate(targets):
        large = moving and number >= SUPPORT
        at = place_at + rng.normal(0, (25, 15, 35) if large else (3, 2, 4))
        turn = base + rng.normal(0, (11, 7, 5) if large else (0.8, 0.8, 0.4))
        wanted = gaze_angles(line_of_sight(at).T @ (target - at))
        excess = np.sign(wanted) * np.clip(np.abs(wanted - follow * wanted) - FARTHEST, 0, None)
        yaw, pitch = turn[:2] + follow * wanted + excess
        x, y, z = at.tolist()
        out.append(place(float(yaw), float(pitch), float(turn[2]), (x, y, z)))
    return out


def _errors(rng: np.random.Generator, noise: LandmarkNoise, heads: Heads) -> list[FloatArray]:
    """``VIEWS`` times (F, P, 3) mm.

    What changes from one rendered picture to the next (light, blur, face) hardly changes within a session. So a session
    has one such error of its own, which drifts with gaze and pose as they move away from the first look, and only a
    little of it is new in every frame.
    """
    loud, weight = rng.uniform(*LOUD), rng.uniform(0.7, 1.15)
    own = noise.person(rng, 1) + noise.picture(rng, 1)
    drift = (heads.state[:, :4] - heads.state[0, :4]) / DRIFT
    stays = weight * noise.bias(heads.state) + loud * own
    stays = stays + loud * np.einsum("fk,kpd->fpd", np.clip(drift, -1.5, 1.5), noise.picture(rng, 4))
    return [stays + loud * JITTER * noise.picture(rng, len(stays)) for _ in range(VIEWS)]
