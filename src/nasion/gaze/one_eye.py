"""Where on a phone's screen somebody looks, from the pixels of one eye and its two corners (or of both eyes).

Source: Athavale, Motati and Kalahasty, "One Eye is All You Need: Lightweight Ensembles for Gaze Estimation with Single
Encoders", arXiv 2211.11936. ``nasion gaze train one-eye-gaze`` trains the networks; none ships with the package.
Ours: a picture of any camera is brought into one virtual phone's view before corners are read off it, and a calibration
that does no better than none on dots left out is not applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from nasion.core import Camera, FloatArray, ImageArray, InputError, IntArray, Landmarks, ModelError
from nasion.gaze.support_vectors import SupportVectors, fit_support_vectors
from nasion.landmark.view import cut
from nasion.models import Session

SIDE = 128  # px of a crop
STORED = 138  # px of a training crop, of which another SIDE x SIDE is seen at every step
MARGIN = 1.75  # side of a crop over the eye's width
PHONE = Camera.for_image(480, 640)  # the camera in whose view corners are given
CORNERS = np.array([[263, 362], [33, 133]])  # dense478: outer and inner corner of the left eye, of the right eye
COST, GAMMA, SLACK = 20.0, 0.06, 0.1  # of the support vectors: as published; cm that an error may have for nothing
FEWEST = 3  # dots from which leaving one out says anything
MARGIN_OF_TRUST = 0.95  # a calibration's error on dots left out, over that of the next simpler one, must be below
SMALLEST = 4.0  # px of eye width below which a crop is a smear

Which: TypeAlias = Literal["left", "right", "better", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class EyeCode:
    """What the networks make of N pictures.

    Attributes:
        point: (N, 2) cm from the lens: to the right as the person sees the screen, and up; a linear map of all codes.
        code: (N, C) the last hidden numbers of the M networks, for calibration: 4 M of one eye, 8 M of two.
    """

    point: FloatArray
    code: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleCalibration:
    """What one person's known looks say about all their looks.

    Attributes:
        kind: ``"none"``, ``"constant"`` or ``"support vectors"``.
        constant: (2,) cm, added to every point unless there are support vectors.
        middle, spread: (C,) of the codes that it was fitted to.
        machine: from standardised codes to what is missing, cm.
        left_out: kind to the mean error, cm, on dots left out; empty when there were too few to leave one out.
    """

    kind: str
    constant: FloatArray
    middle: FloatArray
    spread: FloatArray
    machine: SupportVectors | None = None
    left_out: dict[str, float] = field(default_factory=dict)

    def __call__(self, looks: EyeCode) -> FloatArray:
        """(N, 2) cm."""
        if self.machine is None:
            return np.asarray(looks.point + self.constant)
        return np.asarray(looks.point + self.machine((looks.code - self.middle) / self.spread))


def calibrate_ensemble(looks: EyeCode, target: FloatArray, dot: IntArray) -> EnsembleCalibration:
    """Fit support vectors to one person's known looks, unless a constant, or nothing, does as well on dots left out.

    Args:
        looks: N of them.
        target: (N, 2) cm, where the person looked.
        dot: (N,) which dot each looked at; frames of one dot are left out together.

    Raises:
        InputError: no look, or lengths that differ.
    """
    target, dot = np.asarray(target, np.float64), np.asarray(dot)
    if not len(looks.point) or len(target) != len(looks.point) or len(dot) != len(looks.point):
        raise InputError(
            f"a calibration needs a target and a dot for each look: got {len(looks.point)} looks, {len(target)} "
            f"targets and {len(dot)} dots"
        )
    kinds, names = ("none", "constant", "support vectors"), np.unique(dot)
    if len(names) < FEWEST:
        return fit_ensemble("none", looks, target)
    error = dict.fromkeys(kinds, 0.0)
    for name in names:
        out = dot == name
        kept = EyeCode(looks.point[~out], looks.code[~out])
        asked = EyeCode(looks.point[out], looks.code[out])
        for kind in kinds:
            missed = fit_ensemble(kind, kept, target[~out])(asked) - target[out]
            error[kind] += float(np.linalg.norm(missed, axis=1).sum()) / len(dot)
    best = "none"
    for kind in kinds[1:]:
        best = kind if error[kind] < MARGIN_OF_TRUST * error[best] else best
    fitted = fit_ensemble(best, looks, target)
    return EnsembleCalibration(best, fitted.constant, fitted.middle, fitted.spread, fitted.machine, error)


def fit_ensemble(kind: str, looks: EyeCode, target: FloatArray) -> EnsembleCalibration:
    """A calibration of one kind, come what may; `calibrate_ensemble` chooses among them."""
    missing = target - looks.point
    middle, spread = looks.code.mean(axis=0), looks.code.std(axis=0) + 1e-3
    if kind == "none":
        return EnsembleCalibration(kind, np.zeros(2), middle, spread)
    if kind == "constant":
        return EnsembleCalibration(kind, missing.mean(axis=0), middle, spread)
    machine = fit_support_vectors((looks.code - middle) / spread, missing, COST, GAMMA, SLACK)
    return EnsembleCalibration(kind, missing.mean(axis=0), middle, spread, machine)


class OneEyeGaze:
    """Reads points of regard from eye crops.

    Args:
        model: file that ``nasion gaze train one-eye-gaze`` wrote.
        camera: of the pictures; without one a field of view of 60 degrees over the longer side is assumed.

    Attributes:
        eyes: how many eyes the networks look at, 1 or 2.
        members: how many networks there are.

    Raises:
        ModelError: the model cannot be loaded or is none of these.
    """

    def __init__(self, model: str | Path, camera: Camera | None = None) -> None:
        self.session, self.camera = Session(model, threads=1), camera
        outputs, eyes = {"point", "points", "codes"}, self.session.metadata.get("eyes", "")
        if set(self.session.output_names) != outputs or eyes not in ("1", "2"):
            raise ModelError(
                f"{self.session.path} reads no points of regard: it gives {', '.join(self.session.output_names)}; make "
                "one with: nasion gaze train one-eye-gaze --out FILE.onnx"
            )
        self.eyes = int(eyes)
        self.members = int(self.session.metadata["members"])

    def look(self, image: ImageArray, landmarks: Sequence[Landmarks], eye: Which = "better") -> EyeCode:
        """Read the faces of one picture.

        Args:
            image: RGB uint8 (H, W, 3).
            landmarks: of its faces, in schemes that convert to ``dense478``.
            eye: of networks for one eye: which; ``"better"`` takes the one whose lids can be seen more certainly,
                ``"both"`` reads one after the other and averages.

        Returns:
            One row per face; NaN where an eye that is needed shows less than 4 px.
        """
        camera = self.camera or Camera.for_image(image.shape[1], image.shape[0])
        crops, corners, sides = [], [], []
        for points in landmarks:
            dense = points.to("dense478")
            ends = dense.points[CORNERS, :2].astype(np.float64)
            sure = dense.visibility[CORNERS].mean(axis=1)
            sides.append({"left": 0, "right": 1}.get(eye, int(sure[1] > sure[0])))
            corners.append(phone_corners(ends, camera))
            crops.append(np.stack([_crop(image, one) for one in ends]))
        if not crops:
            return EyeCode(np.zeros((0, 2)), np.zeros((0, 4 * self.members * (2 if eye == "both" else self.eyes))))
        stacked, ends = np.stack(crops), np.stack(corners)
        if self.eyes == 2 or eye == "both":
            return self.encode(stacked, ends)
        rows, side = np.arange(len(sides)), np.array(sides)
        return self.encode(stacked[rows, side][:, None], ends[rows, side][:, None], side)

    def encode(self, crops: ImageArray, corners: FloatArray, side: IntArray | None = None) -> EyeCode:
        """Read crops.

        Args:
            crops: (N, E, SIDE, SIDE, 3) uint8, as in the picture: E is 1, or 2 with the left eye first. Networks for
                one eye read both, one after the other, and the points are averaged.
            corners: (N, E, 4) as `phone_corners` gives them; a NaN makes the row NaN.
            side: (N,) of single eyes 0 left, 1 right; right eyes are read in a mirror.
        """
        if self.eyes == 2:  # the face and its mirror image, averaged: neither side is preferred
            plain = self._run(crops, corners)
            turned = self._run(crops[:, ::-1, :, ::-1], mirrored(corners[:, ::-1]))
            both = (plain[0] + turned[0] * (-1, 1)) / 2
            return EyeCode(both, np.concatenate([plain[1], turned[1]], axis=1))
        if crops.shape[1] == 2:
            left, other = (self.encode(crops[:, [k]], corners[:, [k]], np.full(len(crops), k)) for k in (0, 1))
            return EyeCode((left.point + other.point) / 2, np.concatenate([left.code, other.code], axis=1))
        right = np.zeros(len(crops), bool) if side is None else np.asarray(side) == 1
        seen, ends = crops.copy(), corners.copy()
        seen[right], ends[right] = crops[right][:, :, :, ::-1], mirrored(corners[right])
        point, code = self._run(seen, ends)
        return EyeCode(np.where(right[:, None], point * (-1, 1), point), code)

    def _run(self, crops: ImageArray, corners: FloatArray) -> tuple[FloatArray, FloatArray]:
        unknown = ~np.isfinite(corners).all(axis=(1, 2))
        flat = np.nan_to_num(corners).reshape(len(corners), -1).astype(np.float32)
        out = self.session.run({"crops": np.ascontiguousarray(crops), "corners": flat})
        point: FloatArray = out["point"].astype(np.float64)
        code: FloatArray = out["codes"].reshape(len(crops), -1).astype(np.float64)
        point[unknown], code[unknown] = np.nan, np.nan
        return point, code


def eye_view(ends: FloatArray, size: int) -> FloatArray:
    """(2, 3) from px of a picture to px of an upright ``size`` x ``size`` crop about the middle of (2, 2) corners.

    An eye takes 1 / MARGIN of SIDE px; a larger ``size`` shows more around it.
    """
    scale = SIDE / (MARGIN * max(float(np.linalg.norm(ends[0] - ends[1])), 1e-6))
    shift = (size - 1) / 2 - scale * ends.mean(axis=0)
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def phone_corners(ends: FloatArray, camera: Camera) -> FloatArray:
    """(E, 2, 2) px in a camera's picture to (E, 4): where a phone would see them, over its picture's width and height.

    NaN for an eye of less than 4 px.
    """
    rays = (ends - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    seen = rays * (PHONE.fx, PHONE.fy) + (PHONE.cx, PHONE.cy)
    share = (seen / (2 * PHONE.cx + 1, 2 * PHONE.cy + 1)).reshape(len(ends), 4)
    share[np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) < SMALLEST] = np.nan
    return np.asarray(share)


def mirrored(corners: FloatArray) -> FloatArray:
    """(..., 4) corners of eyes in a mirror; each keeps its outer corner first."""
    edge = (2 * PHONE.cx) / (2 * PHONE.cx + 1)  # pixel centres at integers: the last column's place
    return np.asarray(corners * (-1, 1, -1, 1) + (edge, 0, edge, 0), np.float32)


def _crop(image: ImageArray, ends: FloatArray) -> ImageArray:
    if not np.isfinite(ends).all() or np.linalg.norm(ends[0] - ends[1]) < SMALLEST:
        return np.zeros((SIDE, SIDE, 3), np.uint8)
    return cut(image, eye_view(ends, SIDE), SIDE)
