"""The head model: parameters in, a posed surface and its paint out, with what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from nasion.core import FloatArray
from nasion.core.errors import ModelError
from nasion.synth import expression, eyes, lids, mouth, skull
from nasion.synth.assembly import Assembly, assemble
from nasion.synth.paint import Painter
from nasion.synth.parameters import N_ASYMMETRIC, HeadParameters
from nasion.synth.surface import Paint, Surface

EYE_REST = np.array([0.0, -1.2, 7.2])  # mm from the middle of an eye's corners to the eyeball's centre


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """What is true of one eye, in the head frame.

    Attributes:
        centre: (3,) mm of the eyeball.
        radius: mm of the eyeball.
        axes: (3, 3) rows: along the lids' hinge to image-right, up, forward out of the face. The hinge passes through
            the centre.
        gaze: (3,) unit vector of the optical axis, out of the face.
        upper, lower: degrees of the middle of each lid (points 159 and 145, 386 and 374) about the hinge, 0 straight
            ahead, positive up. The lids are shut where they are equal.
    """

    centre: FloatArray
    radius: float
    axes: FloatArray
    gaze: FloatArray
    upper: float
    lower: float


class HeadModel:
    """Our morphable head. Get it with ``HeadModel.load()``; it holds no state between calls."""

    def __init__(self, arrays: dict[str, FloatArray]) -> None:
        """Arrays as ``training/synth/build.py`` writes them."""
        self.mean = arrays["mean"].astype(np.float64)
        self.components = arrays["components"].astype(np.float64)
        self.jaw = arrays["jaw"].astype(np.float64)
        self.fields = expression.fields(self.mean)
        self._arrays = arrays
        rings = {name: arrays[f"ring_{name}"].astype(np.int64) for name in ("margin", "crease", "lips", "outline")}
        self.assembly: Assembly = assemble(
            arrays["triangles"].astype(np.int64), arrays["layout"].astype(np.float64), rings, arrays["lips"]
        )
        rows = arrays["rows"].astype(np.int64)
        self._weights = arrays["weights"].astype(np.float64), arrays["columns"].astype(np.int64), rows
        self._ear, _, _ = skull.right_ear()
        self._painters: dict[int, Painter] = {}

    @classmethod
    def load(cls) -> HeadModel:
        """The model of the package; the same object for all who ask.

        Raises:
            ModelError: the package's data file is missing or damaged.
        """
        return _load()

    def refine(self, points: FloatArray) -> FloatArray:
        """(R - 468, 3): the vertices between (468, 3) dense points."""
        data, columns, rows = self._weights
        start = rows[468]
        return np.asarray(np.add.reduceat(data[start:, None] * points[columns[start:]], rows[468:-1] - start, axis=0))

    def neutral(self, parameters: HeadParameters) -> FloatArray:
        """(468, 3) mm: the face of this identity at rest, lids not yet set."""
        return np.asarray(self.mean + np.tensordot(parameters.identity.astype(np.float64), self.components, axes=1))

    def _posed(self, parameters: HeadParameters, rest: FloatArray) -> FloatArray:
        moved = rest + expression.displacement(self.fields, parameters)
        moved = expression.open_jaw(moved, self.jaw, expression.jaw_angle(parameters))
        return expression.part_lips(moved)

    def _frames(self, rest: FloatArray) -> tuple[lids.EyeFrame, lids.EyeFrame]:
        margin = self.assembly.margin[:, ::2]
        return (
            lids.eye_frame(rest, margin[0], EYE_REST),
            lids.eye_frame(rest, margin[1], EYE_REST),
        )

    def shape(self, parameters: HeadParameters) -> Surface:
        """The head's surface, millimetres in the head frame."""
        a, b = self.assembly, self.assembly.blocks
        rest = self.neutral(parameters)
        posed = self._posed(parameters, rest)
        out = np.zeros((b.count, 3))
        out[:468] = posed
        out[b.face] = self.refine(posed)
        for side, frame in enumerate(self._frames(rest)):
            self._set_eye(out, side, frame, parameters)
        self._set_mouth(out, rest, parameters)
        scalp = skull.scalp_and_neck(out[a.outline])
        out[b.scalp] = scalp.reshape(-1, 3)
        out[b.ears[1]] = self._ear + self._ear_shift(out[a.outline], side=1)
        out[b.ears[0]] = self._ear * (-1, 1, 1) + self._ear_shift(out[a.outline], side=0)
        return Surface(out.astype(np.float32), a.triangles, a.uv, a.part)

    def _set_eye(self, out: FloatArray, side: int, frame: lids.EyeFrame, parameters: HeadParameters) -> None:
        a, b = self.assembly, self.assembly.blocks
        upper, lower = lids.lid_angles(parameters, side, (lids.UPPER_OPEN, lids.LOWER_OPEN))
        skin, inside = lids.lid_skin(frame, lids.margin_phi(frame, upper, lower), out[a.crease[side]])
        half = lids.COLUMNS // 2
        out[a.margin[side]] = skin[0]
        block = out[b.lids[side]]
        block[half:] = np.concatenate([skin[1:], inside]).reshape(-1, 3)
        turn = eyes.look(parameters.gaze[side])
        out[b.eyes[side]] = frame.centre + eyes.ball(parameters.pupil)[0] @ turn.T
        first = 473 if side == 0 else 468
        out[first : first + 5] = frame.centre + eyes.iris_points() @ turn.T

    def _set_mouth(self, out: FloatArray, rest: FloatArray, parameters: HeadParameters) -> None:
        a, b = self.assembly, self.assembly.blocks
        middle = (rest[13] + rest[14]) / 2
        degrees = expression.jaw_angle(parameters)

        def with_jaw(points: FloatArray) -> FloatArray:
            return expression.open_jaw(points, np.ones(len(points)), degrees)

        out[b.cavity] = mouth.cavity(out[a.lips], middle, with_jaw(middle[None])[0])
        upper, lower = mouth.teeth(middle)
        out[b.teeth] = np.concatenate([upper.reshape(-1, 3), with_jaw(lower.reshape(-1, 3))])
        out[b.tongue] = with_jaw(mouth.tongue(middle))

    def _ear_shift(self, outline: FloatArray, side: int) -> FloatArray:
        """Ears go with the outline of the face in front of them."""
        columns = np.array([14, 16, 18]) if side == 1 else skull.COLUMNS - np.array([14, 16, 18])
        own = outline[columns].mean(0)
        home = self.mean[self.assembly.outline[[14, 16, 18]]].mean(0) * ((1, 1, 1) if side == 1 else (-1, 1, 1))
        return np.asarray(own - home)

    def eyes(self, parameters: HeadParameters) -> tuple[Eye, Eye]:
        """(left, right): eyeballs, gaze and lids, exact by construction."""
        out = []
        for side, frame in enumerate(self._frames(self.neutral(parameters))):
            upper, lower = lids.lid_angles(parameters, side, (lids.UPPER_OPEN, lids.LOWER_OPEN))
            gaze = eyes.look(parameters.gaze[side]) @ (0, 0, -1)
            out.append(Eye(frame.centre, lids.EYE_RADIUS, frame.axes, gaze, upper, lower))
        return out[0], out[1]

    def mirror(self, parameters: HeadParameters) -> HeadParameters:
        """The parameters whose surface is the mirror image of these ones'."""
        return parameters.mirror(N_ASYMMETRIC)

    def paint(self, parameters: HeadParameters, size: int = 512) -> Paint:
        """The head's colours on an atlas of ``size`` x ``size`` texels."""
        return self._painter(size).paint(parameters)

    def _painter(self, size: int) -> Painter:
        if size not in self._painters:
            self._painters[size] = Painter(self.shape(HeadParameters()), self.assembly, self._arrays, size)
        return self._painters[size]


@cache
def _load() -> HeadModel:
    try:
        with (files("nasion.synth") / "head.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            return HeadModel({name: data[name] for name in data.files})
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the head model nasion/synth/head.npz cannot be read ({error}); reinstall nasion") from error
