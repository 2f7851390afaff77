"""What the head model hands to the renderer: a posed surface and the paint on it.

Frame: the head frame of the 3-D templates (``nasion.core.pose``): millimetres, origin midway between the eyes, x to
image-right when facing the camera (the subject's left), y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from nasion.core import FloatArray, IntArray


class Part(IntEnum):
    """What a triangle belongs to."""

    SKIN = 0
    LIPS = 1
    LEFT_EYE = 2
    RIGHT_EYE = 3
    TEETH = 4
    MOUTH = 5  # the cavity behind the lips
    TONGUE = 6
    HAIR = 7  # the hull that hair adds to the scalp
    EAR = 8
    NECK = 9


class Region(IntEnum):
    """What a texel of the atlas shows. Left and right are the subject's."""

    NONE = 0  # no surface uses this texel
    SKIN = 1
    LEFT_BROW = 2
    RIGHT_BROW = 3
    LEFT_LIDS = 4
    RIGHT_LIDS = 5
    NOSE = 6
    UPPER_LIP = 7
    LOWER_LIP = 8
    EYE_WHITE = 9
    IRIS = 10
    PUPIL = 11
    TEETH = 12
    MOUTH = 13
    TONGUE = 14
    HAIR = 15
    EAR = 16
    NECK = 17
    CLOTH = 18


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A posed head.

    Attributes:
        vertices: (V, 3) float32 mm in the head frame; the first 478 are the points of scheme ``dense478``, in order
            (468..477 lie on the irises).
        triangles: (T, 3) int32; seen from outside, the corners run counter-clockwise in the image, so that
            ``cross(b - a, c - a)`` points outward in the head frame.
        uv: (V, 2) float32, 0..1 in the atlas: u to the right, v down, texel (row, column) = (v, u) * (A - 1).
        part: (T,) uint8, a ``Part`` for each triangle.
    """

    vertices: FloatArray
    triangles: IntArray
    uv: FloatArray
    part: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """The colours of a head, before any light.

    Attributes:
        albedo: (A, A, 3) float32, linear RGB reflectance 0..1.
        regions: (A, A) uint8, a ``Region`` for each texel.
        gloss: (A, A) float32, 0..1, strength of the specular highlight: dry skin about 0.15, wet eye 1.
    """

    albedo: FloatArray
    regions: IntArray
    gloss: FloatArray
