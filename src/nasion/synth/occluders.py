"""Things in front of a face, as surfaces in the head frame: what they hide is then known exactly.

Hands, surgical masks, glasses, sunglasses and strands of hair lie on the face and move with the head; bars and patches
of noise stand in front of it, square to the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError, scheme
from nasion.synth.drape import front
from nasion.synth.mesh import Mesh, plain_paint, sheet, tube, vertex_normals
from nasion.synth.surface import Paint
from nasion.synth.wearables import Piece, glasses, mask, sunglasses

REST_MM = 1.5  # between skin and what lies on it
FINGERS = (  # offset across the palm, length of the three bones, radius, mm
    (-27.0, (36.0, 22.0, 17.0), 7.6),
    (-9.0, (41.0, 26.0, 18.0), 8.0),
    (9.0, (38.0, 25.0, 18.0), 7.6),
    (26.0, (30.0, 19.0, 15.0), 6.6),
)
GRIPS = {"chin": 152, "mouth": 13, "right_cheek": 50, "left_cheek": 280, "right_eye": 159, "left_eye": 386, "brow": 9}


@dataclass(frozen=True, slots=True)
class Occluder:
    """Something in front of a face.

    Attributes:
        kind: one of ``OCCLUDERS``.
        seed: which of its kind: place, size and colour follow from it.
        mirrored: built the other way round.
    """

    kind: str
    seed: int = 0
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.kind not in OCCLUDERS:
            raise InputError(f"there is no occluder {self.kind!r}; there are {', '.join(OCCLUDERS)}, random")


def occluder_meshes(
    occluder: Occluder, points: FloatArray, rotation: FloatArray, translation: FloatArray, skin: FloatArray
) -> list[Mesh]:
    """The surfaces of an occluder in the camera frame.

    Args:
        occluder: which.
        points: (478, 3) mm, the dense points of the face it belongs to, head frame.
        rotation: (3, 3), head to camera.
        translation: (3,) mm.
        skin: (3,) linear RGB of the hand's skin.
    """
    rng = np.random.default_rng(occluder.seed)
    turn = np.array([-1.0, 1, 1]) if occluder.mirrored else np.ones(3)
    face = np.asarray(points, np.float64)[scheme("dense478").flip if occluder.mirrored else slice(None)] * turn
    square = rotation * turn[:, None] * turn[None]
    pieces = OCCLUDERS[occluder.kind](face[:468], square, np.asarray(skin, np.float64), rng)
    meshes = []
    for piece in pieces:
        vertices, triangles, uv = sheet(piece.grid, piece.uv)
        if occluder.mirrored:
            triangles = triangles[:, ::-1]
        vertices = (vertices * turn) @ rotation.T + translation
        meshes.append(
            Mesh(
                vertices, vertex_normals(vertices, triangles), triangles, uv, np.zeros(len(triangles), np.uint8),
                piece.paint, both_sides=True, name=occluder.kind, alpha=piece.alpha,
            )
        )  # fmt: skip
    return meshes


def _hand(face: FloatArray, _: FloatArray, skin: FloatArray, rng: np.random.Generator) -> list[Piece]:
    """A palm, four fingers, a thumb and a forearm, laid on the face."""
    grip = face[list(GRIPS.values())[rng.integers(len(GRIPS))]]
    side = rng.choice([-1.0, 1.0])
    heading = np.radians(rng.uniform(-50, 50) - 90 + (25 * side if abs(grip[0]) < 10 else 0))
    scale = rng.uniform(0.82, 1.05)
    along, across = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    spread, lift = np.radians(rng.uniform(2, 12)), rng.uniform(0, 8)
    reach = rng.uniform(10, 55) * scale  # how far beyond the grip the knuckles are
    knuckles = grip[:2] - along * reach
    paint = plain_paint((float(skin[0]), float(skin[1]), float(skin[2])), 0.18)

    def laid(flat: FloatArray, radius: FloatArray | float) -> FloatArray:
        up = front(face, flat[:, 0], flat[:, 1]) + REST_MM + lift
        return np.column_stack([flat, -(up + radius)])

    pieces = []
    for offset, bones, thick in FINGERS:
        turn = spread * offset / 18
        way = along * np.cos(turn) + across * np.sin(turn)
        length = sum(bones) * scale
        t = np.linspace(0, 1, 18)
        taper = thick * scale * (1.05 - 0.22 * t)
        taper = taper * np.sqrt(np.clip(1 - ((t - 0.93) / 0.07).clip(0, 1) ** 2, 0.02, 1)) * (1 + 0.05 * np.cos(t * 18))
        line = (knuckles + across * offset * scale)[None] + way * (length * t)[:, None]
        pieces.append(Piece(tube(_smooth(laid(line, thick * scale)), taper, 12), paint))
    # the palm is a flattened tube from the knuckles to the wrist, the forearm goes on out of the picture
    t = np.linspace(-0.08, 4.2, 30)
    broad = np.interp(t, [-0.08, 0.0, 0.5, 0.95, 1.3, 4.2], [30, 38, 39, 31, 27, 40]) * scale
    deep = np.interp(t, [-0.08, 0.0, 0.5, 0.95, 1.3, 4.2], [4, 9, 13, 15, 17, 30]) * scale
    line = knuckles[None] - along * (85 * scale * t)[:, None]
    middle = laid(line, deep)
    middle[:, 2] = np.minimum(middle[0, 2], middle[:, 2])  # the arm does not sink below the knuckles
    pieces.append(Piece(_flat_tube(_smooth(middle, 6), across, broad, deep), paint))
    # thumb
    thumb = across * side
    t = np.linspace(0, 1, 16)
    start = knuckles - along * 55 * scale + thumb * 30 * scale
    way = along * np.cos(0.65) + thumb * np.sin(0.65)
    line = start[None] + way * (66 * scale * t)[:, None]
    taper = 9.0 * scale * (1.05 - 0.2 * t) * np.sqrt(np.clip(1 - ((t - 0.9) / 0.1).clip(0, 1) ** 2, 0.02, 1))
    pieces.append(Piece(tube(_smooth(laid(line, 8 * scale)), taper, 12), paint))
    return pieces


def _smooth(line: FloatArray, times: int = 3) -> FloatArray:
    """A line with its kinks taken out, ends kept."""
    for _ in range(times):
        line[1:-1] = 0.25 * line[:-2] + 0.5 * line[1:-1] + 0.25 * line[2:]
    return line


def _flat_tube(line: FloatArray, across: FloatArray, wide: FloatArray, thick: FloatArray) -> FloatArray:
    """A grid around a line with an elliptic section: half-axes ``wide`` along ``across`` and ``thick`` along z."""
    angle = np.linspace(0, 2 * np.pi, 21)[None, :, None]
    sideways = np.array([across[0], across[1], 0.0])
    upward = np.array([0, 0, -1.0])
    return np.asarray(
        line[:, None] + np.cos(angle) * wide[:, None, None] * sideways + np.sin(angle) * thick[:, None, None] * upward
    )


def _strands(face: FloatArray, _: FloatArray, __: FloatArray, rng: np.random.Generator) -> list[Piece]:
    """Locks that fall from the top of the forehead over brows, eyes and cheeks."""
    colour = np.array([0.09, 0.05, 0.03]) * np.exp(rng.uniform(-1.9, 1.4)) * np.exp(rng.normal(0, 0.15, 3))
    top, chin = face[10, 1], face[152, 1]
    middle, wide = rng.uniform(-55, 55), rng.uniform(8, 40)
    pieces = []
    for _strand in range(rng.integers(10, 34)):
        x0 = middle + wide * rng.uniform(-1, 1)
        length = rng.uniform(0.35, 0.95) * (chin - top)
        t = np.linspace(0, 1, 22)
        sway = rng.uniform(-22, 22) * t**1.5 + rng.uniform(0, 4) * np.sin(t * rng.uniform(3, 9) + rng.uniform(0, 6))
        x, y = x0 + sway, top - 14 + length * t
        z = -(front(face, x, y) + REST_MM + rng.uniform(0, 4) + 2 * np.sin(np.pi * t))
        radius = rng.uniform(0.5, 1.5) * np.sqrt(np.clip(1.02 - t, 0.02, 1))
        shade = colour * rng.uniform(0.6, 1.3)
        paint = plain_paint((float(shade[0]), float(shade[1]), float(shade[2])), 0.35)
        pieces.append(Piece(tube(_smooth(np.column_stack([x, y, z])), radius, 5), paint))
    return pieces


def _board(
    face: FloatArray,
    rotation: FloatArray,
    wide: float,
    high: float,
    angle: float,
    rng: np.random.Generator,
    paint: Paint,
) -> list[Piece]:  # fmt: skip
    """A flat rectangle before the face, square to the camera, around a point of the face."""
    over = face[rng.integers(len(face))] @ rotation.T
    nearest = (face @ rotation.T)[:, 2].min() - rng.uniform(8, 40)
    across, down = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
    centre = np.array([over[0], over[1], nearest])
    v, u = np.meshgrid(np.linspace(-high / 2, high / 2, 3), np.linspace(-wide / 2, wide / 2, 3), indexing="ij")
    return [Piece((centre + u[..., None] * across + v[..., None] * down) @ rotation, paint)]


def _bar(face: FloatArray, rotation: FloatArray, _: FloatArray, rng: np.random.Generator) -> list[Piece]:
    colour = np.exp(rng.uniform(np.log(0.01), np.log(0.8))) * np.exp(rng.normal(0, 0.4, 3))
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    paint = plain_paint((float(colour[0]), float(colour[1]), float(colour[2])), rng.uniform(0, 0.4))
    return _board(face, rotation, rng.uniform(120, 420), rng.uniform(18, 75), angle, rng, paint)


def _noise(face: FloatArray, rotation: FloatArray, _: FloatArray, rng: np.random.Generator) -> list[Piece]:
    cells = int(rng.integers(4, 40))
    colour = rng.uniform(0, 0.9, (cells, cells, 3)).astype(np.float32)
    paint = Paint(colour, np.zeros((cells, cells), np.uint8), np.zeros((cells, cells), np.float32))
    return _board(face, rotation, rng.uniform(35, 110), rng.uniform(35, 110), rng.normal(0, 0.3), rng, paint)


Builder = Callable[[FloatArray, FloatArray, FloatArray, np.random.Generator], list[Piece]]
OCCLUDERS: dict[str, Builder] = {
    "hand": _hand,
    "mask": mask,
    "glasses": glasses,
    "sunglasses": sunglasses,
    "bar": _bar,
    "hair": _strands,
    "noise": _noise,
}
