"""A person before a screen: calibrate with a few looks, then read where on the screen they look.

Source: Zhang, "Deployment-Oriented Session-wise Meta-Calibration for Landmark-Based Webcam Gaze Tracking",
arXiv 2603.12388: a frozen encoder, and per session a ridge in closed form; here the ridge is guarded (`ridge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import Camera, Face, FloatArray, InputError, IntArray
from nasion.gaze.canonical import NODES, openness
from nasion.gaze.encoder import Encoder, cloud
from nasion.gaze.ridge import Correction, fit_guarded
from nasion.gaze.screen import Screen, angle_between, meet_plane

USUAL_ERROR = 8.0  # degrees, before any calibration
DRIFTED = 1.8  # times the calibration's own error on targets left out, at least TOLERANCE degrees: calibrate anew
TOLERANCE = 2.5
SHUT = 0.10  # lid height over eye width


@dataclass(frozen=True, slots=True)
class Regard:
    """Where on the screen somebody looks.

    Attributes:
        x, y: fractions of the screen, (0, 0) its upper left corner; beyond 0..1 off the screen. NaN when unknown.
        x_mm, y_mm: the same from the upper left corner.
        error_deg: the error to expect: root mean square on calibration targets left out, or what is usual.
        reliability: 0..1; below 0.5 do not believe it.
        reason: why not.
    """

    x: float
    y: float
    x_mm: float
    y_mm: float
    error_deg: float
    reliability: float
    reason: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far looks at known targets were off.

    Attributes:
        frames: that counted; others had no face, shut eyes or a look beside the plane.
        mean_mm, median_mm: distance on the screen.
        mean_deg, rms_deg: angle at the eyes, by where these are.
        x_mm, y_mm: mean absolute error across and down.
        mean_px: the same distance in px, None when the screen's px are not known.
    """

    frames: int
    mean_mm: float
    median_mm: float
    mean_deg: float
    rms_deg: float
    x_mm: float
    y_mm: float
    mean_px: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """What looks at known targets say about a calibration made earlier.

    Attributes:
        x_mm, y_mm: by how much the looks land to the right of and below their targets.
        degrees: the size of that offset at the eyes.
        drifted: whether it is more than the calibration's own error allows: calibrate anew.
    """

    x_mm: float
    y_mm: float
    degrees: float
    drifted: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Looks:
    """Encoded frames: rows that could be read, features (N, F), uncalibrated points and eyes."""

    rows: IntArray
    features: FloatArray
    base: FloatArray
    eyes: FloatArray


class GazeSession:
    """One person, one screen, one camera.

    Args:
        screen: its size and where the camera is.
        camera: of the pictures, the one the faces' poses were read with; ``Camera.for_image(width, height)`` is what
            the task ``pose`` assumes.
        encoder: the frozen network; the embedded one when left out.

    Attributes:
        correction: what was fitted; None before `calibrate`.
        error_deg: the error to expect, root mean square.
    """

    def __init__(self, screen: Screen, camera: Camera, encoder: Encoder | None = None) -> None:
        self.screen, self.camera = screen, camera
        self.encoder = encoder or Encoder()
        self.correction: Correction | None = None
        self.error_deg = USUAL_ERROR

    def calibrate(self, faces: Sequence[Face | None], targets: FloatArray) -> Accuracy:
        """Fit the correction to looks at known places; it replaces an earlier one.

        Args:
            faces: one a frame, with the reading ``pose``; None where none was found. Frames with shut eyes are left
                out.
            targets: (N, 2) fractions of the screen, what each frame looks at. Frames with the same target are left
                out together when the correction is chosen; a moving target is cut into eight stretches of time.

        Returns:
            The error on these frames themselves. ``error_deg`` and ``correction.left_out`` hold what it was on targets
            left out, which is what to expect later.

        Raises:
            InputError: no frame can be used, or the lengths differ.
        """
        looks, mm = self._looks_at(faces, targets)
        wanted = (mm - looks.base) / looks.eyes[:, 2:]
        self.correction = fit_guarded(looks.features, wanted, _groups(mm), self.encoder.caution)
        left_out = self.correction.left_out
        self.error_deg = float(np.degrees(left_out[self.correction.kind])) if left_out else USUAL_ERROR
        return self._accuracy(self._corrected(looks), mm, looks.eyes)

    def look(self, faces: Sequence[Face | None]) -> list[Regard]:
        """Where each frame looks. Without a calibration, as well as an unknown person's eyes allow."""
        out = [_nowhere("no face")] * len(faces)
        for i, face in enumerate(faces):
            if face is not None:
                out[i] = _nowhere("the eyes are shut" if _shut(face) else "the points admit no look at the screen")
        looks = self._looks(faces)
        found = self._corrected(looks)
        share = self.screen.to_fraction(found)
        for row, point, (x, y) in zip(looks.rows, found, share, strict=True):
            if not np.isfinite(point).all():
                continue
            beyond = float(np.abs(np.array([x, y]) - 0.5).max() - 0.5)
            face = faces[row]
            assert face is not None, "_looks gives rows of faces"
            trust = float(np.clip(1 - self.error_deg / 20, 0, 1)) * min(1.0, face.pose.reliability / 0.5)
            reason = "" if self.correction else "not calibrated"
            if beyond > 0.25:
                trust, reason = min(trust, 0.4), "far off the screen"
            at = np.array([x, y]) * self.screen.size
            out[row] = Regard(
                float(x), float(y), float(at[0]), float(at[1]), self.error_deg,
                trust if self.correction else min(trust, 0.45), reason,
            )  # fmt: skip
        return out

    def accuracy(
        self, faces: Sequence[Face | None], targets: FloatArray, pixels: tuple[int, int] | None = None
    ) -> Accuracy:
        """The error on looks at known places that took no part in the calibration.

        Args:
            faces, targets: as for `calibrate`.
            pixels: width and height of the screen in px.
        """
        looks, mm = self._looks_at(faces, targets)
        return self._accuracy(self._corrected(looks), mm, looks.eyes, pixels)

    def drift(self, faces: Sequence[Face | None], targets: FloatArray) -> Drift:
        """Compare a few looks at known places, later on, with what the calibration promised."""
        looks, mm = self._looks_at(faces, targets)
        offset = np.nanmean(self._corrected(looks) - mm, axis=0)
        middle, eyes = mm.mean(axis=0)[None], looks.eyes.mean(axis=0)[None]
        degrees = float(angle_between(middle + offset, middle, eyes)[0])
        return Drift(-float(offset[0]), float(offset[1]), degrees, degrees > max(TOLERANCE, DRIFTED * self.error_deg))

    def save(self, path: Path) -> None:
        """Keep the calibration as ``.npz``.

        Raises:
            InputError: there is none yet.
        """
        if self.correction is None:
            raise InputError("there is no calibration to save: call calibrate first")
        c, s = self.correction, self.screen
        np.savez(
            path, weights=c.weights, constant=c.constant, kind=c.kind, strength=c.strength, error_deg=self.error_deg,
            screen=[s.width_mm, s.height_mm, s.camera_x, s.camera_above_mm],
            camera=[self.camera.fx, self.camera.fy, self.camera.cx, self.camera.cy],
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path, encoder: Encoder | None = None) -> GazeSession:
        """A session with the calibration that `save` kept; the encoder must be the same.

        Raises:
            InputError: the file is no calibration.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                session = cls(Screen(*kept["screen"].tolist()), Camera(*kept["camera"].tolist()), encoder)
                session.correction = Correction(
                    str(kept["kind"]), kept["weights"], kept["constant"], float(kept["strength"]), {}
                )
                session.error_deg = float(kept["error_deg"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no calibration ({error}); nasion gaze calibrate writes them") from error
        return session

    def _looks_at(self, faces: Sequence[Face | None], targets: FloatArray) -> tuple[_Looks, FloatArray]:
        targets = np.asarray(targets, np.float64)
        if targets.shape != (len(faces), 2) or not np.isfinite(targets).all():
            raise InputError(f"{len(faces)} frames need targets of shape ({len(faces)}, 2), got {targets.shape}")
        looks = self._looks(faces)
        if not len(looks.rows):
            raise InputError(f"none of {len(faces)} frames shows a face with open eyes that looks at the screen")
        return looks, self.screen.to_mm(targets[looks.rows])

    def _looks(self, faces: Sequence[Face | None]) -> _Looks:
        rows = [i for i, face in enumerate(faces) if face is not None and not _shut(face) and _posed(face)]
        chosen = [face for i in rows if (face := faces[i]) is not None]
        if not chosen:
            return _Looks(np.zeros(0, int), np.zeros((0, 0)), np.zeros((0, 2)), np.zeros((0, 3)))
        points = np.stack([face.landmarks.to("dense478").points[list(NODES)] for face in chosen])
        rotation = np.stack([face.pose.camera_rotation for face in chosen])
        translation = np.array([face.pose.translation for face in chosen])
        solid, eyes = cloud(points.astype(np.float64), rotation, translation, self.camera)
        code, way = self.encoder(solid)
        base = meet_plane(eyes, way)
        known = np.isfinite(base).all(axis=1)
        features = np.concatenate([code, base / eyes[:, 2:]], axis=1)
        return _Looks(np.array(rows)[known], features[known], base[known], eyes[known])

    def _corrected(self, looks: _Looks) -> FloatArray:
        if self.correction is None or not len(looks.rows):
            return looks.base
        return np.asarray(looks.base + self.correction(looks.features) * looks.eyes[:, 2:])

    def _accuracy(
        self, found: FloatArray, mm: FloatArray, eyes: FloatArray, pixels: tuple[int, int] | None = None
    ) -> Accuracy:
        off = found - mm
        distance, degrees = np.linalg.norm(off, axis=1), angle_between(found, mm, eyes)
        px = None if pixels is None else float(np.linalg.norm(off / self.screen.size * pixels, axis=1).mean())
        across, down = np.abs(off).mean(axis=0).tolist()
        return Accuracy(
            len(off), float(distance.mean()), float(np.median(distance)), float(degrees.mean()),
            float(np.sqrt((degrees**2).mean())), across, down, px,
        )  # fmt: skip


def _nowhere(reason: str) -> Regard:
    nan = float("nan")
    return Regard(nan, nan, nan, nan, nan, 0.0, reason)


def _posed(face: Face) -> bool:
    return bool(np.isfinite(face.pose.yaw) and face.pose.translation[2] > 0)


def _shut(face: Face) -> bool:
    return float(openness(face.landmarks.to("dense478").points[None])[0]) < SHUT


def _groups(mm: FloatArray) -> IntArray:
    """Which target each frame looks at; where nearly every frame has its own, eight stretches of time."""
    _, group = np.unique(np.round(mm, 3), axis=0, return_inverse=True)
    group = group.reshape(-1)
    if len(mm) >= 24 and group.max() + 1 > 0.6 * len(mm):
        return np.arange(len(mm)) * 8 // len(mm)
    return np.asarray(group)
