"""How the embedded landmarker and eye refiner err on rendered eyes, as a model to draw such errors from.

Networks that read landmarks must learn from landmarks as our landmarker places them: shrunk, biased and correlated, not
from true points with white noise. Rendered heads show both. The error of a point is explained by a quadratic in head
pose, gaze and lids (the bias); what is left splits into a part that stays with the person and one that changes from
picture to picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, InputError, IntArray, ModelError
from nasion.media.paths import prepare_output
from nasion.pipeline import Analyzer
from nasion.synth import HeadModel, HeadTruth, SceneOptions, render_scene, sample_scene

VIEWS = 4  # pictures a person: enough to tell what stays from what changes
PEOPLE = 240
RENDERS = SceneOptions(yaw=(-45, 45), pitch=(-28, 28), roll=(-20, 20), size=(256, 256), fill=(0.35, 0.72))
GAZE_YAW, GAZE_PITCH = (-36.0, 36.0), (-38.0, 26.0)  # degrees, where the eyes of these renders look
LOST = 8.0  # mm, median error of the points beyond which the landmarker was on something else
SHUT = 6.0  # degrees between the lids below which an iris cannot be seen
PLAIN = 1.0  # ridge on the standardised quadratic
_SCALE = np.array([25.0, 15.0, 18.0, 13.0, 12.0, 12.0])
_MIDDLE = np.array([0.0, 0.0, 0.0, -4.0, 38.0, 38.0])


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Measured errors, one row a rendered picture.

    Attributes:
        error: (N, 478, 3) float32, found minus true: x and y in the picture turned upright, and depth; mm at the
            head's distance.
        state: (N, 6) float32 degrees: head yaw and pitch, gaze yaw and pitch in the head (mean of both eyes), opening
            of the left and the right lids.
        person: (N,) int, whose picture it is.
    """

    error: FloatArray
    state: FloatArray
    person: IntArray

    def save(self, path: Path) -> None:
        """Write an ``.npz``."""
        with prepare_output(path).open("wb") as stream:
            np.savez_compressed(stream, error=self.error.astype(np.float16), state=self.state, person=self.person)

    @classmethod
    def load(cls, path: Path) -> Residuals:
        """Read what ``save`` wrote."""
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(data["error"].astype(np.float32), data["state"], data["person"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} holds no measured residuals ({error}); remove it to measure them anew") from error


def state_of(truth: HeadTruth) -> FloatArray:
    """(6,) what the bias depends on; see `Residuals`."""
    return np.array([truth.pose.yaw, truth.pose.pitch, *truth.gaze_angles.mean(0), *truth.lid_opening])


def measure_residuals(
    people: int = PEOPLE, seed: int = 7, analyzer: Analyzer | None = None, step: str = "eye_points"
) -> Residuals:
    """Render people and see where the landmarker puts their points.

    Args:
        people: how many, ``VIEWS`` pictures each; the landmarker misses some.
        seed: of the people and scenes.
        analyzer: whose points; default the embedded models.
        step: of the embedded models: ``"eye_points"``, as the task ``gaze`` reads them, or ``"landmarks"``, as
            `nasion.gaze.GazeSession` does.

    Raises:
        ModelError: not one face was found.
    """
    analyzer = analyzer or Analyzer(tasks=(step,), threads=1)
    rows = list(_measured(people, seed, analyzer))
    if not rows:
        raise ModelError(f"the landmarker found none of {people * VIEWS} rendered faces; check its weights")
    error, state, person = zip(*rows, strict=True)
    return Residuals(np.stack(error).astype(np.float32), np.stack(state).astype(np.float32), np.array(person))


def _measured(people: int, seed: int, analyzer: Analyzer) -> Iterator[tuple[FloatArray, FloatArray, int]]:
    model = HeadModel.load()
    for person in range(people):
        head = None
        for view in range(VIEWS):
            rng = np.random.default_rng((seed, person, view))
            scene = sample_scene(rng, RENDERS)
            head = head or scene.head
            yaw, pitch, squint = rng.uniform(*GAZE_YAW), rng.uniform(*GAZE_PITCH), rng.uniform(0, 2.5)
            gaze = ((yaw + squint, pitch), (yaw - squint, pitch))
            scene = replace(scene, head=replace(head, expression=scene.head.expression, gaze=gaze))
            sample = render_scene(scene, model)
            faces = analyzer(sample.image)
            if not faces:
                continue
            error = upright_error(faces[0].landmarks.points, sample.truth)
            if np.median(np.linalg.norm(error[:, :2], axis=1)) < LOST and min(sample.truth.lid_opening) > SHUT:
                yield error, state_of(sample.truth), person


def upright_error(found: FloatArray, truth: HeadTruth) -> FloatArray:
    """(478, 3) mm, found minus true points, in the picture turned upright."""
    pixels = truth.camera.fx / truth.pose.translation[2]  # per mm
    error = (found.astype(np.float64) - truth.landmarks().points) / pixels
    error[:, :2] = error[:, :2] @ turn(truth.pose.roll)
    return np.asarray(error)


def turn(roll: float) -> FloatArray:
    """(2, 2): row vectors in the upright picture times its transpose are those in the picture."""
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.array([[c, -s], [s, c]])


class LandmarkNoise:
    """Draws errors of the landmarker.

    Args:
        measured: where they come from; each row counts a second time in a mirror.
        index: the points whose errors are wanted.
        mirror: (478,) each point's partner on the other side.
    """

    def __init__(self, measured: Residuals, index: tuple[int, ...], mirror: IntArray) -> None:
        keep = list(index)
        flipped = measured.error[:, mirror][:, keep] * np.array([-1, 1, 1], np.float32)
        error = np.concatenate([measured.error[:, keep], flipped]).reshape(2 * len(measured.error), -1)
        state = np.concatenate([measured.state, measured.state[:, [0, 1, 2, 3, 5, 4]] * (-1, 1, -1, 1, 1, 1)])
        person = np.concatenate([measured.person, measured.person + measured.person.max() + 1])
        design = quadratic(state)
        gram = design.T @ design + PLAIN * np.eye(design.shape[1])
        self.count = len(index)
        self.bias_map = np.linalg.solve(gram, design.T @ error)
        left = error - design @ self.bias_map
        groups = [np.flatnonzero(person == who) for who in np.unique(person)]
        groups = [rows for rows in groups if len(rows) > 1]
        means = np.stack([left[rows].mean(0) for rows in groups])
        self.changing = np.concatenate([(left[r] - left[r].mean(0)) / np.sqrt(1 - 1 / len(r)) for r in groups])
        # a mean of few pictures still holds some of what changes: shrink it to what truly stays
        seen = np.mean([1 / len(rows) for rows in groups]) * self.changing.var(0)
        self.staying = means * np.sqrt(np.clip(1 - seen / means.var(0).clip(1e-12), 0, 1))

    def bias(self, state: FloatArray) -> FloatArray:
        """(N, P, 3) mm, the mean error in these (N, 6) states."""
        return np.asarray((quadratic(state) @ self.bias_map).reshape(len(state), self.count, 3))

    def person(self, rng: np.random.Generator, count: int) -> FloatArray:
        """(count, P, 3) mm, the part that stays with a person."""
        return self._mixed(rng, self.staying, count)

    def picture(self, rng: np.random.Generator, count: int) -> FloatArray:
        """(count, P, 3) mm, the part that changes from picture to picture."""
        return self._mixed(rng, self.changing, count)

    def _mixed(self, rng: np.random.Generator, rows: FloatArray, count: int) -> FloatArray:
        """Normal, with the covariance of the rows."""
        weights = rng.normal(0, 1 / np.sqrt(len(rows)), (count, len(rows))).astype(np.float32)
        return np.asarray((weights @ rows.astype(np.float32)).reshape(count, self.count, 3))


def quadratic(state: FloatArray) -> FloatArray:
    """(N, 28): one, the six numbers in units of their usual range, their products and squares."""
    x = np.clip((np.asarray(state, np.float64) - _MIDDLE) / _SCALE, -2.5, 2.5)
    a, b = np.triu_indices(6)
    return np.concatenate([np.ones((len(x), 1)), x, x[:, a] * x[:, b]], axis=1)
