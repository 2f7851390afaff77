"""The head model: parameters in, a posed surface and its paint out, with what is true of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasion.core import FloatArray, IntArray
from nasion.core.errors import InputError, ModelError
from nasion.synth import expression, eyes, hair, lids, mouth, skull
from nasion.synth.assembly import Assembly, assemble
from nasion.synth.paint import Painter
from nasion.synth.parameters import N_ASYMMETRIC, HeadParameters
from nasion.synth.surface import Paint, Part, Surface

REMEMBERED = 4  # paints: 5 MB each
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
    """Our morphable head. Get it with ``HeadModel.load()``; nothing but speed depends on earlier calls."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
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
        self._rest_scalp = (
            self.shape(HeadParameters(hair="bald")).vertices[self.assembly.blocks.scalp].astype(np.float64)
        )
        self._painters: dict[int, Painter] = {}
        self._paints: dict[tuple[object, ...], Paint] = {}

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
        opened = expression.open_jaw(moved, self.jaw, expression.jaw_angle(parameters))
        return expression.part_lips(opened)

    def eye_frames(self, parameters: HeadParameters) -> tuple[lids.EyeFrame, lids.EyeFrame]:
        """(left, right): the hinges that lids and eyeballs of this identity turn about."""
        return self._frames(self.neutral(parameters))

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
        out[b.scalp] = skull.scalp_and_neck(out[a.outline]).reshape(-1, 3)
        out[b.ears[1]] = self._ear + self._ear_shift(out[a.outline], side=1)
        out[b.ears[0]] = self._ear * (-1, 1, 1) + self._ear_shift(out[a.outline], side=0)
        triangles, part = self._grow_hair(out, parameters)
        return Surface(out.astype(np.float32), triangles, a.uv, part)

    def points(self, parameters: HeadParameters) -> FloatArray:
        """(478, 3) float64 mm: the dense points alone, those of ``shape``, at a fifth of the time."""
        rest = self.neutral(parameters)
        out = np.empty((478, 3))
        out[:468] = self._posed(parameters, rest)
        for side, frame in enumerate(self._frames(rest)):
            phi = lids.margin_phi(frame, *lids.lid_angles(parameters, side, (lids.UPPER_OPEN, lids.LOWER_OPEN)))
            out[self.assembly.margin[side][::2]] = frame.place(frame.a, frame.rho, phi)[::2]
            first = 473 if side == 0 else 468
            out[first : first + 5] = frame.centre + eyes.iris_points() @ eyes.look(parameters.gaze[side]).T
        return out

    def _grow_hair(self, out: FloatArray, parameters: HeadParameters) -> tuple[IntArray, IntArray]:
        """Lift the scalp, place what hangs, and say which triangles are there and which of them are hair."""
        a, b = self.assembly, self.assembly.blocks
        style = hair.STYLES[parameters.hair]
        if style.density == 0:
            return a.triangles, a.part
        side = -1 if parameters.mirrored else 1  # a parting changes sides
        bare = np.asarray(self._rest_scalp * (side, 1, 1))
        lift = hair.thickness(bare, style)
        centre = skull.CENTRE * (0, 1, 1)
        outward = (out[b.scalp] - centre) / skull.AXES**2
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        out[b.scalp] += outward * lift[:, None]
        part = a.part.copy()
        raised = np.zeros(len(out), bool)
        raised[b.scalp] = lift > 0.25
        part[a.scalp & raised[a.triangles].all(1)] = Part.HAIR
        triangles, parts = [a.triangles], [part]
        if style.length:
            out[b.curtain] = hair.curtain(out[b.scalp], style).reshape(-1, 3)
            triangles.append(a.curtain)
        if style.knot:
            behind = out[b.scalp][np.argmax(out[b.scalp][:, 2] - 0.4 * out[b.scalp][:, 1])]
            out[b.knot] = hair.knot(behind * (0, 1, 1) + (0, 0, 0.35 * style.knot), style.knot)
            triangles.append(a.knot)
        parts += [np.full(len(piece), Part.HAIR, np.uint8) for piece in triangles[1:]]
        return np.concatenate(triangles), np.concatenate(parts)

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
        for side, frame in enumerate(self.eye_frames(parameters)):
            upper, lower = lids.lid_angles(parameters, side, (lids.UPPER_OPEN, lids.LOWER_OPEN))
            gaze = eyes.look(parameters.gaze[side]) @ (0, 0, -1)
            out.append(Eye(frame.centre, lids.EYE_RADIUS, frame.axes, gaze, upper, lower))
        return out[0], out[1]

    def mirror(self, parameters: HeadParameters) -> HeadParameters:
        """The parameters whose surface is the mirror image of these ones'."""
        return parameters.mirror(N_ASYMMETRIC)

    def paint(self, parameters: HeadParameters, size: int = 512) -> Paint:
        """The head's colours on an atlas of ``size`` x ``size`` texels.

        What moves does not change the paint: the last few are remembered, so that a clip is painted once. Do not write
        into the arrays.

        Raises:
            InputError: ``size`` is not 64..2048.
        """
        if not 64 <= size <= 2048:
            raise InputError(f"an atlas has 64..2048 texels to a side, got {size}")
        key = (size, parameters.paint_key)
        if key not in self._paints:
            if len(self._paints) >= REMEMBERED:
                del self._paints[next(iter(self._paints))]
            self._paints[key] = self._painter(size).paint(parameters)
        return self._paints[key]

    def skin_basis(self, uv: FloatArray, size: int = 256) -> FloatArray:
        """(1 + 24, N, 3) log reflectance over the tone's at (N, 2) atlas places: the mean skin and its components."""
        return self._painter(size).skin_basis(uv)

    def _painter(self, size: int) -> Painter:
        if size not in self._painters:
            bald = self.shape(HeadParameters(hair="bald"))
            skin = self._arrays["skin_mean"], dequantised(self._arrays["skin_components"], self._arrays["skin_scale"])
            self._painters[size] = Painter(bald, self.assembly, *skin, size)
        return self._painters[size]


def dequantised(levels: IntArray, scale: FloatArray) -> FloatArray:
    """(K, ...) int8 levels to float32; ``scale`` (K,) is the value of level 127."""
    shape = (-1, *(1,) * (levels.ndim - 1))
    return np.asarray(levels.astype(np.float32) * (scale.astype(np.float32) / 127).reshape(shape))


@cache
def _load() -> HeadModel:
    try:
        with (files("nasion.synth") / "head.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            return HeadModel({name: data[name] for name in data.files})
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the head model nasion/synth/head.npz cannot be read ({error}); reinstall nasion") from error
