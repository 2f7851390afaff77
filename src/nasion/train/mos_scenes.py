"""Pictures for MOS to learn from: labelled faces and rendered heads, composed with boxes, five points and poses known.

Head poses of photographed faces are read by nasion itself, so figures against them are agreement, not accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from nasion.core import Face, FloatArray, ImageArray, IntArray, Landmarks
from nasion.core.geometry.rotation import angles_to_rotation, rotation_from_vector, rotations_to_angles
from nasion.train.data import LandmarkSet

COLUMNS = 17  # of a face: box, five points x y, yaw, pitch, roll
EDGES = np.array([16.0, 24.0, 36.0, 54.0, 80.0, 120.0])  # px, side of a face: the bins of feedback sampling
HEAD_SIDE, FILL = 128, (0.45, 0.6)  # px, side of the picture of a rendered head, and how much of it the face fills
LOWEST_SURE = 0.5  # reliability from which a pose that was read serves as a label
MIRRORED = (1, 0, 2, 4, 3)  # coarse5


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Single faces with room around them.

    Attributes:
        images: RGB uint8 (N, S, S, 3).
        faces: (N, 17) float32 px of the image and degrees: box, five points (coarse5 order), yaw, pitch, roll; NaN
            where unknown.
    """

    images: ImageArray
    faces: FloatArray

    def __len__(self) -> int:
        return len(self.images)


@lru_cache(maxsize=2)
def from_photos(data: LandmarkSet) -> Heads:
    """Points from the labels; box (extent of the 68 points) and pose as nasion's landmarker and pose reader see them.

    Remembered, so that variants trained on one set in a row do not read it again.
    """
    from nasion.landmark import Landmarker
    from nasion.pose import HeadPose

    placer, reader = Landmarker(), HeadPose()
    faces = np.full((len(data), COLUMNS), np.nan, np.float32)
    for i, (image, points) in enumerate(zip(data.images, data.points, strict=True)):
        landmarks = Landmarks.from_points(points, data.scheme)
        placed = placer.place(image, [Face(landmarks.box, 1.0, landmarks)])[0].landmarks
        outline = placed.to("ibug68").points
        faces[i, :4] = np.concatenate([outline.min(0), outline.max(0)])
        faces[i, 4:14] = landmarks.to("coarse5").points.reshape(-1)
        pose = reader.read(image, [Face(placed.box, 1.0, placed)])[0]
        if pose.reliability >= LOWEST_SURE:
            faces[i, 14:] = pose.yaw, pose.pitch, pose.roll
    return Heads(data.images, faces)


@lru_cache(maxsize=2)
def rendered(seed: int, count: int, yaw: float = 60.0) -> Heads:
    """Synthetic heads (``nasion.synth``), evenly turned by up to +-``yaw`` degrees, all labels exact; remembered."""
    from nasion.synth.model import HeadModel
    from nasion.synth.sampling import SceneOptions, sample_scene
    from nasion.synth.scene import render_scene

    model = HeadModel.load()
    images = np.empty((count, HEAD_SIDE, HEAD_SIDE, 3), np.uint8)
    faces = np.empty((count, COLUMNS), np.float32)
    for i in range(count):
        rng = np.random.default_rng((seed, i))
        turn = float(rng.uniform(-yaw, yaw))
        options = SceneOptions(yaw=(turn, turn), size=(HEAD_SIDE, HEAD_SIDE), fill=FILL)
        sample = render_scene(sample_scene(rng, options), model)
        truth = sample.truth
        outline = truth.landmarks("ibug68").points[:, :2]
        pose = truth.pose.yaw, truth.pose.pitch, truth.pose.roll
        images[i] = sample.image
        faces[i] = np.concatenate(
            [outline.min(0), outline.max(0), truth.landmarks("coarse5").points[:, :2].ravel(), pose]
        )
    return Heads(images, faces)


def turned(faces: FloatArray, matrix: FloatArray, degrees: float, mirrored: bool) -> FloatArray:
    """Faces (F, 17) after the (2, 3) similarity that mirrors first, if so, then turns clockwise by ``degrees``.

    A turned box is the box around the turned ellipse that filled it.
    """
    out = faces.astype(np.float64)
    linear, shift = matrix[:, :2], matrix[:, 2]
    centre, half = (faces[:, :2] + faces[:, 2:4]) / 2, (faces[:, 2:4] - faces[:, :2]) / 2
    reach = np.sqrt(half**2 @ (linear**2).T)
    middle = centre @ linear.T + shift
    out[:, :2], out[:, 2:4] = middle - reach, middle + reach
    points = faces[:, 4:14].reshape(-1, 5, 2) @ linear.T + shift
    out[:, 4:14] = (points[:, MIRRORED] if mirrored else points).reshape(-1, 10)
    angles = out[:, 14:] * ((-1, 1, -1) if mirrored else (1, 1, 1))
    known = np.isfinite(angles).all(1)
    turn = rotation_from_vector(np.array([0, 0, np.radians(degrees)]))
    out[known, 14:] = rotations_to_angles(turn @ angles_to_rotation(*angles[known].T))
    return np.asarray(out, np.float32)


def compose(
    rng: np.random.Generator, size: int, heads: list[tuple[ImageArray, FloatArray]], sides: FloatArray
) -> tuple[ImageArray, FloatArray]:
    """One scene.

    Args:
        rng: places, turns and mirrors.
        size: side of the scene, px.
        heads: image and (17,) face of each; those that find no free place are left out.
        sides: the wanted root of each box's area, px.

    Returns:
        RGB uint8 (size, size, 3) and the faces in it (F, 17).
    """
    scene, placed = clouds(rng, size), []
    if rng.random() < 0.5:  # pieces of a photo with no face to be seen: its corner, enlarged
        image = heads[0][0]
        corner = image[: image.shape[0] // 8, : image.shape[1] // 4]
        scene = np.asarray(cv2.resize(corner, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    taken = np.zeros((size, size), np.uint8)
    for (image, face), side in zip(heads, sides, strict=True):
        degrees, mirrored = float(rng.normal(0, 12)), bool(rng.random() < 0.5)
        scale = side / np.sqrt((face[2] - face[0]) * (face[3] - face[1]))
        turn = np.radians(degrees)
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        linear = linear @ np.diag([-1.0 if mirrored else 1.0, 1.0])
        centre = (face[:2] + face[2:4]) / 2
        matrix = np.concatenate([linear, (_place(rng, size, side) - linear @ centre)[:, None]], 1)
        here = turned(face[None], matrix, degrees, mirrored)[0]
        x0, y0, x1, y1 = (int(v) for v in (*np.clip(here[:2], 0, size), *np.clip(here[2:4], 0, size)))
        if taken[y0:y1, x0:x1].any():
            continue
        scene = _paste(scene, image, matrix, scale)
        taken[y0:y1, x0:x1] = 1
        placed.append(here)
    return scene, np.stack(placed) if placed else np.zeros((0, COLUMNS), np.float32)


def _place(rng: np.random.Generator, size: int, side: float) -> FloatArray:
    """Where a face's centre goes: anywhere that keeps most of it inside."""
    spare = min(side * 0.45, size / 2 - 1)
    return rng.uniform(spare, size - spare, 2)


def _paste(scene: ImageArray, image: ImageArray, matrix: FloatArray, scale: float) -> ImageArray:
    """Warp the picture of a head into the scene, its edges softened."""
    size = scene.shape[0]
    if scale < 0.7:  # average first, so that a small face looks as one in a photo does
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    mask = np.zeros(image.shape[:2], np.float32)
    inset = max(2, image.shape[0] // 12)
    mask[inset:-inset, inset:-inset] = 1
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), inset / 2), np.float32)
    shape = (size, size)
    seen = cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = np.asarray(cv2.warpAffine(mask, matrix, shape))[..., None]
    return np.asarray(np.asarray(seen) * cover + scene * (1 - cover), np.uint8)


def draw_sides(rng: np.random.Generator, chances: FloatArray, count: int, largest: float) -> FloatArray:
    """(count,) px: a bin of ``EDGES`` by chance, then evenly within it on a logarithmic scale."""
    bins = rng.choice(len(EDGES) - 1, count, p=chances / chances.sum())
    low, high = np.minimum(EDGES[bins], largest / 1.2), np.minimum(EDGES[bins + 1], largest)
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def bin_of(sides: FloatArray) -> IntArray:
    """Which bin of ``EDGES`` faces belong to, 0..len(EDGES) - 2."""
    return np.clip(np.searchsorted(EDGES, sides, side="right") - 1, 0, len(EDGES) - 2)


def clouds(rng: np.random.Generator, size: int) -> ImageArray:
    """RGB uint8 (size, size, 3): smooth random colours."""
    cells = int(rng.integers(2, 9))
    small = rng.integers(0, 256, (cells, cells, 3), np.uint8)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)
