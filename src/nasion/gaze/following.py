"""Gaze following: which place or person in the picture each person looks at.

Two ways. ``look_along`` needs no training: a soft cone from the eyes along the line of sight, multiplied with what
there is to look at. ``GazeFollower`` runs a network of the kind that ``nasion train vitgaze`` writes.

Source: Song et al., "ViTGaze: Gaze Following with Interaction Features in Vision Transformers", Visual Intelligence
2:31 (2024), arXiv 2403.12778, for the task, the maps and the network; the cone is the usual baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Box, Camera, Face, FloatArray, ImageArray, InputError, ModelError
from nasion.gaze.localise import part_middle
from nasion.metrics.following import peak
from nasion.models import Session

MAP = 64  # side of a heatmap
CONE = 20.0  # degrees off the line of sight at which the cone has half of its strength
ASIDE = (
    0.45  # of the line of sight that lies in the picture's plane; less looks into the camera rather than at anything
)
ANYTHING = 0.08  # weight of what merely stands out, beside 1 for named things
SPREAD = 0.5  # of a thing's size, standard deviation of its bell on the map
AT = 0.75  # of a face's size from its middle, within which a look is at that face


@dataclass(frozen=True, slots=True, eq=False)
class GazeTarget:
    """Where somebody looks.

    Attributes:
        heatmap: (64, 64) float32 over the whole picture, each cell a 64th of its width and height; highest 1.
        point: the map's highest place, px of the picture.
        inside: probability 0..1 that they look at something inside the picture.
        face: row of the face that is looked at; None where it is none, or more likely nothing in the picture.
    """

    heatmap: FloatArray
    point: tuple[float, float]
    inside: float
    face: int | None = None


def look_along(
    eyes: FloatArray, way: FloatArray, size: tuple[int, int], things: Sequence[Box], *,
    standing_out: FloatArray | None = None,
) -> GazeTarget:  # fmt: skip
    """The cone: what lies near the line of sight.

    Args:
        eyes: (2,) px, where the look starts.
        way: (2,) the line of sight's direction in the picture, of length 1 for a look in the picture's plane, shorter
            the more it leads into or out of it (``picture_way``).
        size: (width, height) px of the picture.
        things: what there is to look at, without the looker's own head.
        standing_out: (64, 64) 0..1, ``saliency`` of the picture, for looks at what is not among the things.

    Returns:
        ``inside`` is the chance that at least one thing is looked at, when each is with its cone's strength, less
        where the look leads towards the camera.
    """
    width, height = size
    scale = np.array([width, height], np.float64) / MAP
    at = (np.stack(np.meshgrid(np.arange(MAP), np.arange(MAP)), axis=-1) + 0.5) * scale - 0.5
    cone = cone_strength(at, np.asarray(eyes, np.float64), np.asarray(way, np.float64))
    worth: FloatArray = np.zeros((MAP, MAP))
    if standing_out is not None:
        worth = ANYTHING * np.asarray(standing_out, np.float64)
    missed = 1.0
    gate = min(1.0, float(np.hypot(*way)) / ASIDE) ** 2
    for box in things:
        spread = SPREAD * np.maximum((box.width, box.height), scale)
        worth = np.maximum(worth, np.exp(-0.5 * (((at - box.center) / spread) ** 2).sum(axis=-1)))
        missed *= 1 - gate * float(cone_strength(np.array(box.center), np.asarray(eyes), np.asarray(way)))
    heat: FloatArray = cone * worth
    if heat.max() <= 0:
        heat = cone
    return _target((heat / max(float(heat.max()), 1e-12)).astype(np.float32), size, 1 - missed)


def cone_strength(at: FloatArray, eyes: FloatArray, way: FloatArray) -> FloatArray:
    """(...) 0..1 at places (..., 2) px: 1 on the line of sight, 1/2 at ``CONE`` degrees off it, 0 behind the head.

    A look that leads mostly towards the camera has an uncertain direction in the picture: its cone is wider.
    """
    to = np.asarray(at, np.float64) - eyes
    length = np.maximum(np.linalg.norm(to, axis=-1), 1e-9)
    lateral = max(float(np.hypot(*way)), 1e-6)
    off = np.degrees(np.arccos(np.clip(to @ way / (length * lateral), -1, 1)))
    half = min(CONE / min(lateral, 1.0), 60.0)
    return np.asarray(np.where(off < 90, 0.5 ** ((off / half) ** 2), 0.0))


def picture_way(vector: FloatArray, eyes: FloatArray, camera: Camera) -> FloatArray:
    """(2,) the way a line of sight (3,) takes in the picture from the eyes (2,) px, as ``look_along`` takes it.

    What lies farther from the camera is drawn nearer to the middle: perspective turns the line.
    """
    x, y, z = np.asarray(vector, np.float64) / np.linalg.norm(vector)
    return np.array([x - z * (eyes[0] - camera.cx) / camera.fx, y - z * (eyes[1] - camera.cy) / camera.fy])


def follow_gaze(image: ImageArray, faces: Sequence[Face], things: Sequence[Box] = ()) -> list[GazeTarget | None]:
    """Who looks where, by the cone: other faces, named things, and what stands out in the picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: with the reading ``gaze`` (tasks pose and gaze).
        things: objects somebody else has found, px.

    Returns:
        One for each face; None where the gaze could not be read.
    """
    height, width = image.shape[:2]
    camera, standing = Camera.for_image(width, height), saliency(image)
    found: list[GazeTarget | None] = []
    for row, face in enumerate(faces):
        if not np.isfinite(face.gaze.vector).all():
            found.append(None)
            continue
        eyes = eye_middle(face)
        others = [other.box for k, other in enumerate(faces) if k != row]
        way = picture_way(np.array(face.gaze.vector), eyes, camera)
        target = look_along(eyes, way, (width, height), [*others, *things], standing_out=standing)
        found.append(_named(target, row, faces))
    return found


class GazeFollower:
    """A network that says where each person looks.

    Args:
        model: an ONNX file with ``scene`` (1, S, S, 3) uint8 and ``heads`` (P, 4) px in, ``maps`` and ``inside`` out.
        both_ways: look at the picture and at its mirror image, and take the mean: a picture the other way round then
            gives the same answer the other way round, and single mistakes are fewer. Takes twice as long.

    Raises:
        ModelError: the file is another network.
    """

    def __init__(self, model: str | Path, *, both_ways: bool = True) -> None:
        self.session = Session(model, threads=1)
        if set(self.session.input_shapes) != {"scene", "heads"} or set(self.session.output_names) != {"maps", "inside"}:
            raise ModelError(
                f"{self.session.path} follows no gaze: it takes {', '.join(self.session.input_shapes)}; make one with "
                "`nasion train vitgaze`"
            )
        self.side, self.both_ways = int(self.session.input_shapes["scene"][1]), both_ways

    def read(self, image: ImageArray, heads: Sequence[Box]) -> list[GazeTarget]:
        """Where the owners of some heads look. The scene is looked at as often for one of them as for many.

        Args:
            image: (H, W, 3) uint8 RGB.
            heads: whole heads, px: ``head_box`` of faces.
        """
        if not heads:
            raise InputError("name at least one head")
        height, width = image.shape[:2]
        scene = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_AREA)
        scale = np.tile([self.side / width, self.side / height], 2)
        boxes = np.stack([(box.to_array() + 0.5) * scale - 0.5 for box in heads]).astype(np.float32)
        maps, chances = self._told(np.asarray(scene, np.uint8), boxes)
        if self.both_ways:
            turned = (boxes * (-1, 1, -1, 1) + (self.side - 1, 0, self.side - 1, 0))[:, [2, 1, 0, 3]]
            other, sure = self._told(np.ascontiguousarray(scene[:, ::-1], np.uint8), turned.astype(np.float32))
            maps, chances = (maps + other[:, :, ::-1]) / 2, (chances + sure) / 2
        found = []
        for heat, inside in zip(maps, chances, strict=True):
            level = np.asarray(cv2.resize(heat, (MAP, MAP)) if heat.shape != (MAP, MAP) else heat, np.float32)
            level = np.maximum(level - level.min(), 0)
            found.append(_target(level / max(float(level.max()), 1e-12), (width, height), float(inside)))
        return found

    def _told(self, scene: ImageArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What the network says of a scene: (P, H, W) maps, (P,) chances."""
        out = self.session.run({"scene": scene[None], "heads": boxes})
        return out["maps"], out["inside"]

    def follow(self, image: ImageArray, faces: Sequence[Face]) -> list[GazeTarget]:
        """The same for faces, with the face that each looks at."""
        targets = self.read(image, [head_box(face) for face in faces])
        return [_named(target, row, faces) for row, target in enumerate(targets)]


def head_box(face: Face) -> Box:
    """About the whole head, hair and chin, of a face's box, which ends at the brows or the hairline."""
    box = face.box
    return Box(
        box.x0 - 0.15 * box.width, box.y0 - 0.3 * box.height, box.x1 + 0.15 * box.width, box.y1 + 0.2 * box.height
    )


def eye_middle(face: Face) -> FloatArray:
    """(2,) px, the middle between the eyes."""
    return np.asarray((part_middle(face.landmarks, "left_eye") + part_middle(face.landmarks, "right_eye")) / 2)


def saliency(image: ImageArray) -> FloatArray:
    """What stands out: the spectral residual (Hou and Zhang, CVPR 2007), (64, 64) float32, highest 1."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (MAP, MAP), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(grey.astype(np.float64))
    size = np.log(np.abs(spectrum) + 1e-9)
    residual = size - cv2.blur(size, (3, 3))
    shown = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    smooth = cv2.GaussianBlur(shown, (0, 0), 2.5)
    return np.asarray(smooth / max(float(smooth.max()), 1e-12), np.float32)


def _target(heat: FloatArray, size: tuple[int, int], inside: float) -> GazeTarget:
    x, y = peak(heat)
    return GazeTarget(heat, (x * size[0] - 0.5, y * size[1] - 0.5), inside)


def _named(target: GazeTarget, row: int, faces: Sequence[Face]) -> GazeTarget:
    """With the face at the point, when the look more likely stays in the picture."""
    if target.inside < 0.5:
        return target
    for k, other in enumerate(faces):
        reach = AT * np.array([other.box.width, other.box.height])
        if k != row and (np.abs(np.array(target.point) - other.box.center) <= reach).all():
            return GazeTarget(target.heatmap, target.point, target.inside, k)
    return target
