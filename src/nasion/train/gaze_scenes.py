"""Scenes in which somebody looks at something: rendered heads, other people and objects on one small picture.

The direction in which each rendered head looks is known exactly. What it looks at is put there: an object or another
head on the line of sight, or nothing at all, when the line leaves the picture or leads into the camera. Nothing else
stands within ``CLEAR`` degrees of that line, so that each scene has one answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, IntArray
from nasion.synth import SceneOptions, synth_batch
from nasion.synth.background import BACKGROUNDS, background
from nasion.synth.model import HeadModel
from nasion.synth.shading import develop
from nasion.synth.truth import HeadTruth

SIDE = 64  # px of a scene; also the side of the maps that gaze following is scored on
HEAD_SIDE = 64  # px of a rendered head's own picture
VIEWS = 16  # pictures of each person
TALL = (17.0, 25.0)  # px of a head's box in a scene
THING = (7.0, 11.0)  # px of an object
FAR = 16.0  # px between the eyes and what they look at, at least
ASIDE = 0.45  # of the line of sight that lies in the picture's plane; below, the head looks into the camera
CLEAR = 40.0  # degrees about the line of sight in which nothing else stands
INSIDE = 0.7  # of the scenes have their target in the picture
FINE = 4  # objects are drawn this many times larger and shrunk


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Rendered heads before nothing.

    Attributes:
        images: RGB uint8 (N, S, S, 3).
        cover: (N, S, S) float32 0..1, where the head is.
        gaze: (N, 3) unit vectors, camera frame, mean of both eyes.
        eyes: (N, 2) px, the middle between the eyes.
        boxes: (N, 4) px, x0, y0, x1, y1 around the whole head.
        person: (N,) number of the person.
    """

    images: ImageArray
    cover: FloatArray
    gaze: FloatArray
    eyes: FloatArray
    boxes: FloatArray
    person: IntArray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True, eq=False)
class GazeScene:
    """One scene.

    Attributes:
        image: RGB uint8 (64, 64, 3).
        heads: (P, 4) px boxes; the first is the head asked about.
        eyes: (2,) px, the middle between its eyes.
        gaze: (3,) unit vector of its line of sight.
        target: (2,) px of what it looks at, NaN when that is outside the picture.
        things: (T, 4) px boxes of the objects and other heads.
    """

    image: ImageArray
    heads: FloatArray
    eyes: FloatArray
    gaze: FloatArray
    target: FloatArray
    things: FloatArray

    @property
    def inside(self) -> bool:
        return bool(np.isfinite(self.target).all())

    def mirror(self) -> GazeScene:
        """The scene the other way round."""
        turn, shift = np.array([-1.0, 1.0]), np.array([SIDE - 1.0, 0.0])
        heads, things = ((b * np.tile(turn, 2) + np.tile(shift, 2))[:, [2, 1, 0, 3]] for b in (self.heads, self.things))
        eyes, target = (p * turn + shift for p in (self.eyes, self.target))
        image = np.ascontiguousarray(self.image[:, ::-1])
        return GazeScene(image, heads, eyes, self.gaze * (-1, 1, 1), target, things)


@lru_cache(maxsize=4)
def render_heads(people: int, seed: int) -> Heads:
    """``VIEWS`` pictures each of so many people, looking all ways, most of them aside. About 20 ms a picture."""
    options = SceneOptions(
        yaw=(-80, 80), pitch=(-35, 35), roll=(-12, 12), size=(HEAD_SIDE, HEAD_SIDE), fill=(0.5, 0.55),
        field_of_view=(20, 25), background="plain", degrade=0.0,
    )  # fmt: skip
    images, cover, gaze, eyes, boxes = [], [], [], [], []
    for sample in synth_batch(people * VIEWS, seed, options, HeadModel.load(), views=VIEWS):
        truth, alpha = sample.truth, sample.render.coverage
        rows, columns = np.flatnonzero(alpha.max(1) > 0.5), np.flatnonzero(alpha.max(0) > 0.5)
        look = truth.gaze.mean(0)
        images.append(sample.image)
        cover.append(alpha)
        gaze.append(look / np.linalg.norm(look))
        eyes.append(truth.camera.project(_eye_centres(truth)).mean(0))
        boxes.append([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])
    return Heads(
        np.stack(images), np.stack(cover).astype(np.float32), np.stack(gaze), np.stack(eyes), np.array(boxes),
        np.repeat(np.arange(people), VIEWS),
    )  # fmt: skip


def _eye_centres(truth: HeadTruth) -> FloatArray:
    return np.asarray(truth.eye_centres @ truth.pose.camera_rotation.T + np.array(truth.pose.translation))


@lru_cache(maxsize=2)
def _backdrops(count: int, seed: int) -> ImageArray:
    made = [background(BACKGROUNDS[i % len(BACKGROUNDS)], (SIDE, SIDE), seed + i) for i in range(count)]
    return np.stack([develop(picture, 1.0) for picture in made])


def backdrop(rng: np.random.Generator) -> FloatArray:
    """A drawn background, (64, 64, 3) float32 0..255."""
    return _backdrops(120, 17)[rng.integers(120)].astype(np.float32)


def draw_scene(
    rng: np.random.Generator, heads: Heads, *, inside: float = INSIDE, things: tuple[int, int] = (1, 4)
) -> GazeScene:
    """A random scene.

    Args:
        rng: where chance comes from.
        heads: whom to show.
        inside: share of the scenes whose target is in the picture.
        things: fewest and most objects and other people that nobody looks at.
    """
    picture = backdrop(rng)
    wanted = rng.random() < inside
    for _ in range(200):
        who = int(rng.integers(len(heads)))
        flip = bool(rng.random() < 0.5)
        look = heads.gaze[who] * ((-1 if flip else 1), 1, 1)
        lateral = float(np.hypot(look[0], look[1]))
        if wanted and lateral < ASIDE:
            continue
        head = _Placed.at(heads, who, flip, float(rng.uniform(*TALL)), rng.uniform(0, SIDE - 1, 2))
        low, high = head.box[:2], head.box[2:]
        if (low < -1).any() or (high > SIDE).any():
            continue
        way = look[:2] / lateral
        reach = _reach(head.eyes, way)
        if not wanted or reach > FAR + 3:
            break
    else:
        raise InputError("none of the heads looks aside far enough for a target in the picture: render more of them")
    size, target = float(rng.uniform(*THING)), np.full(2, np.nan)
    taken, placed = [head.box], []
    if wanted:
        turned = np.radians(rng.uniform(-5, 5))
        c, s = np.cos(turned), np.sin(turned)
        target = head.eyes + np.array([[c, -s], [s, c]]) @ way * rng.uniform(FAR, reach)
        target = np.clip(target, size / 2, SIDE - 1 - size / 2)
        placed.append((target, size, bool(rng.random() < 0.25)))
        taken.append(_square(target, size))
    for _ in range(int(rng.integers(things[0], things[1] + 1))):
        for _ in range(40):
            side = float(rng.uniform(*THING))
            spot = rng.uniform(side / 2, SIDE - 1 - side / 2, 2)
            to = spot - head.eyes
            angle = np.degrees(np.arccos(np.clip(to @ way / max(float(np.linalg.norm(to)), 1e-6), -1, 1)))
            face = bool(rng.random() < 0.4)
            if (angle > CLEAR or lateral < ASIDE) and not any(
                _meet(_square(spot, 1.6 * side if face else side), b) for b in taken
            ):
                placed.append((spot, side, face))
                taken.append(_square(spot, 1.6 * side if face else side))
                break
    others, boxes = [], []
    for spot, side, face in placed:
        if face:
            other = _Placed.centred(heads, int(rng.integers(len(heads))), bool(rng.random() < 0.5), 1.6 * side, spot)
            picture = other.on(picture)
            others.append(other.box)
            boxes.append(other.box)
        else:
            picture = draw_thing(rng, picture, spot, side)
            boxes.append(_square(spot, side))
    picture = head.on(picture)
    noise = rng.normal(0, rng.uniform(0.5, 5), picture.shape)
    image = np.clip(picture * rng.uniform(0.8, 1.15) + noise, 0, 255).astype(np.uint8)
    return GazeScene(image, np.array([head.box, *others]), head.eyes, look, target, np.array(boxes).reshape(-1, 4))


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A head in a scene: which one, through what (2, 3) matrix from its picture to the scene."""

    heads: Heads
    row: int
    flip: bool
    matrix: FloatArray

    @classmethod
    def at(cls, heads: Heads, row: int, flip: bool, tall: float, eyes: FloatArray) -> _Placed:
        """With its eyes at a place."""
        return cls._put(heads, row, flip, tall, heads.eyes[row], eyes)

    @classmethod
    def centred(cls, heads: Heads, row: int, flip: bool, tall: float, centre: FloatArray) -> _Placed:
        """With the middle of its box at a place."""
        box = heads.boxes[row]
        return cls._put(heads, row, flip, tall, (box[:2] + box[2:]) / 2, centre)

    @classmethod
    def _put(cls, heads: Heads, row: int, flip: bool, tall: float, anchor: FloatArray, spot: FloatArray) -> _Placed:
        scale = tall / (heads.boxes[row, 3] - heads.boxes[row, 1])
        across = -scale if flip else scale
        matrix = np.array([[across, 0, spot[0] - across * anchor[0]], [0, scale, spot[1] - scale * anchor[1]]])
        return cls(heads, row, flip, matrix)

    @property
    def box(self) -> FloatArray:
        x, y = self._moved(self.heads.boxes[self.row].reshape(2, 2)).T
        return np.array([x.min(), y.min(), x.max(), y.max()])

    @property
    def eyes(self) -> FloatArray:
        return self._moved(self.heads.eyes[self.row][None])[0]

    def _moved(self, points: FloatArray) -> FloatArray:
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2])

    def on(self, picture: FloatArray) -> FloatArray:
        """The picture with the head before it."""
        alpha = self.heads.cover[self.row]
        layer = np.dstack([self.heads.images[self.row] * alpha[..., None], alpha]).astype(np.float32)
        shrink = abs(self.matrix[1, 1])
        if shrink < 1:
            layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.45 / shrink), np.float32)
        warped = cv2.warpAffine(layer, self.matrix, (SIDE, SIDE))
        return np.asarray(picture * (1 - warped[..., 3:]) + warped[..., :3])


def _reach(eyes: FloatArray, way: FloatArray) -> float:
    """How far from the eyes the picture ends that way, less a margin for what stands there."""
    edge = np.where(way > 0, SIDE - 5 - eyes, eyes - 4)
    return float(np.min(edge / np.maximum(np.abs(way), 1e-6)))


def _square(centre: FloatArray, side: float) -> FloatArray:
    return np.concatenate([centre - side / 2, centre + side / 2])


def _meet(a: FloatArray, b: FloatArray) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())


def draw_thing(rng: np.random.Generator, picture: FloatArray, centre: FloatArray, side: float) -> FloatArray:
    """A square picture with an object on it: disc, box, ring, triangle or star of a strong colour with a dark rim."""
    shape, hue = int(rng.integers(5)), rng.uniform(0, 180)
    strong = np.array([[[hue, rng.integers(150, 255), rng.integers(130, 255)]]]).astype(np.uint8)
    colour = np.asarray(cv2.cvtColor(strong, cv2.COLOR_HSV2RGB))[0, 0]
    small = picture.shape[0]
    size = small * FINE
    mask, rim = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    spot, radius = (centre + 0.5) * FINE, side * FINE / 2
    corners = {1: 4, 3: 3, 4: 10}.get(shape, 32)
    angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(corners) / corners
    length = np.where(np.arange(corners) % 2, 0.45, 1.0) if shape == 4 else np.ones(corners)
    outline = spot + radius * length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 255)
    cv2.polylines(rim, [np.rint(outline).astype(np.int32)], True, 255, 3)
    if shape == 2:
        cv2.circle(mask, tuple(int(v) for v in spot), int(radius / 2), 0, -1)
    for layer, paint in ((mask, colour.astype(np.float32)), (rim, colour * 0.25)):
        share = cv2.resize(layer, (small, small), interpolation=cv2.INTER_AREA)[..., None] / 255.0
        picture = picture * (1 - share) + share * paint
    return np.asarray(picture, np.float32)
