"""An operating room that never was: clips of rendered people in masks, caps and gowns, seen from the ceiling.

A domain that no face detector was made for, with exact boxes and nobody in it. Heads are rendered (``nasion.synth``)
at the size they have in the picture, caps are laid over hair and forehead by the place of each pixel on the head, gowns
and drapes are painted, lamps glare and some frames are blurred by motion: those are the misses that linking a face
over frames can fill in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, IntArray
from nasion.synth.background import background
from nasion.synth.light import Light
from nasion.synth.model import HeadModel
from nasion.synth.occluders import Occluder
from nasion.synth.sampling import SceneOptions, sample_scene, turned
from nasion.synth.scene import Sample, Scene, render_scene
from nasion.synth.shading import develop

SIZE = (640, 480)
FACE_PX = (22.0, 84.0)  # height of a face, forehead to chin
# from the extent of a face's mesh to the box that the detector's annotators drew: fractions of its width and height
FROM_MESH = np.array([-0.006, 0.099, 0.006, 0.098])
Cloth = tuple[float, float, float]
CLOTHS: tuple[Cloth, ...] = ((0.05, 0.24, 0.22), (0.07, 0.17, 0.36), (0.16, 0.33, 0.45), (0.1, 0.3, 0.16))  # linear
CAP_MM, CAP_SLOPE = -46.0, 0.42  # height of a cap's edge above the eyes, and how much lower per mm towards the back
MASKED, CAPPED = 0.9, 0.9
LEAST_SEEN = 0.45  # of the pixels of a box; a head leaves some of its box's corners free
NOISE = 2.0  # standard deviation, of 255
GLARE, BLURRED = 0.4, 0.15  # of the clips, of the frames
FAR, FAR_BLURRED = 0.75, 0.3  # px of a camera further away for each of the near one's; of its frames


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of one camera with the truth.

    Attributes:
        frames: RGB uint8 (F, H, W, 3).
        boxes: per frame (M, 4) float32 px, of the faces that others hide by less than half.
    """

    frames: ImageArray
    boxes: tuple[FloatArray, ...]


def operating_room(seed: int, count: int, frames: int = 8, *, dressed: bool = True) -> list[Clip]:
    """Clips of two to five people each.

    Args:
        seed: of everything; another seed has other people.
        count: how many clips.
        frames: of each.
        dressed: masks, caps, gowns, a camera 25 to 55 degrees above, lamps; False leaves people as they are, seen from
            the front in plain light.
    """
    model = HeadModel.load()
    return [_clip(np.random.default_rng((seed, i)), frames, dressed, model) for i in range(count)]


def farther(clip: Clip, seed: int) -> Clip:
    """What a camera further away sees of a clip: smaller faces (16 to 63 px), more blur by motion, its own noise.

    Args:
        clip: of ``operating_room``.
        seed: of blur and noise.
    """
    rng, frames = np.random.default_rng(seed), []
    for frame in clip.frames:
        small = np.asarray(cv2.resize(frame, None, fx=FAR, fy=FAR, interpolation=cv2.INTER_AREA), np.uint8)
        small = _moved(rng, small) if rng.random() < FAR_BLURRED else small
        frames.append(_noisy(rng, small, NOISE))
    return Clip(np.stack(frames), tuple((np.reshape(b, (-1, 4)) + 0.5) * np.float32(FAR) - 0.5 for b in clip.boxes))


def _moved(rng: np.random.Generator, image: ImageArray) -> ImageArray:
    """Blurred by motion."""
    return np.asarray(cv2.blur(image, (int(rng.integers(3, 8)), int(rng.integers(1, 4)))), np.uint8)


def _noisy(rng: np.random.Generator, image: ImageArray, spread: float) -> ImageArray:
    return np.clip(np.rint(image + rng.normal(0, spread, image.shape)), 0, 255).astype(np.uint8)


def _clip(rng: np.random.Generator, frames: int, dressed: bool, model: HeadModel) -> Clip:
    width, height = SIZE
    kind = str(rng.choice(["indoor", "shapes", "noise", "gradient"]))
    room = background(kind, SIZE, int(rng.integers(1 << 31))) * rng.uniform(0.4, 1.0)
    if dressed:
        _drapes(rng, room)
    low, high = (float(np.log(v)) for v in FACE_PX)
    heights = np.sort(np.exp(rng.uniform(low, high, int(rng.integers(2, 6)))))
    people = [_person(rng, float(h), dressed) for h in heights]
    places = _places(rng, heights)
    drift = rng.normal(0, 0.03, (len(people), 2)) * heights[:, None]
    sway = rng.normal(0, 2.0, (len(people), 3))
    cloth = CLOTHS[int(rng.integers(len(CLOTHS)))]
    caps = [(rng.random() < CAPPED) and dressed for _ in people]
    lamp = rng.uniform((0, 0), (width, height * 0.5)) if dressed and rng.random() < GLARE else None
    heads = []  # all frames of one person in a row: painting a person costs more than a picture
    for person, place, turn, cap in zip(people, places, sway, caps, strict=True):
        moves = [turned(person.pose, *(turn * np.sin(0.7 * t + place[0]))) for t in range(frames)]
        samples = [render_scene(replace(person, pose=pose), model) for pose in moves]
        heads.append([(_dressed(s, cloth if cap else None), s.render.coverage, _box(s)) for s in samples])
    pictures, boxes = [], []
    for t in range(frames):
        scene, rows, owner = room.copy(), [], np.full(room.shape[:2], -1)
        for k, (person, head, height_px) in enumerate(zip(people, heads, heights, strict=True)):
            middle = places[k] + drift[k] * t
            at = np.rint(middle - np.array(person.size) / 2).astype(int)
            if dressed:
                owner[_gown(scene, middle, float(height_px), cloth, person.seed)] = -1
            linear, coverage, box = head[t]
            owner[_paste(scene, linear, coverage, at)] = k
            rows.append(box + np.tile(at, 2))
        seen = [_share(owner == k, box) >= LEAST_SEEN for k, box in enumerate(rows)]
        if lamp is not None:
            _glare(scene, lamp, t)
        image = develop(scene, 1.0)
        if dressed and rng.random() < BLURRED:
            image = _moved(rng, image)
        pictures.append(_noisy(rng, image, NOISE if dressed else NOISE / 2))
        boxes.append(np.array(rows, np.float32)[seen])
    return Clip(np.stack(pictures), tuple(boxes))


def _person(rng: np.random.Generator, face_px: float, dressed: bool) -> Scene:
    side = max(32, round(face_px / 0.42))
    look = SceneOptions(
        yaw=(-50, 50) if dressed else (-30, 30), pitch=(-55, -25) if dressed else (-12, 12), size=(side, side),
        fill=(0.42, 0.42), light="random", background="plain", degrade=0.0,
    )  # fmt: skip
    scene = sample_scene(rng, look)
    masked = dressed and rng.random() < MASKED
    pose = replace(scene.pose, translation=(0.0, 0.0, scene.pose.translation[2]))
    kept = (Occluder("mask", int(rng.integers(1 << 31))),) if masked else ()
    return replace(scene, pose=pose, occluders=kept)


def _places(rng: np.random.Generator, heights: FloatArray) -> FloatArray:
    """(N, 2) px, where each head's middle goes: apart from the others where there is room."""
    placed: list[FloatArray] = []
    for height in heights:
        low, high = np.full(2, height), np.array(SIZE) - height
        tries = rng.uniform(low, np.maximum(high, low + 1), (40, 2))
        gaps = np.array([min((float(np.linalg.norm(t - p)) for p in placed), default=np.inf) for t in tries])
        free = np.flatnonzero(gaps > 1.9 * height)
        placed.append(tries[free[0] if len(free) else gaps.argmax()])
    return np.array(placed)


def _box(sample: Sample) -> FloatArray:
    """(4,) px, as annotators draw it: under a mask too, down to the chin."""
    mesh = sample.truth.points[:468]
    extent = np.concatenate([mesh.min(0), mesh.max(0)])
    return np.asarray(extent + FROM_MESH * np.tile(extent[2:] - extent[:2], 2))


def _dressed(sample: Sample, cloth: Cloth | None) -> FloatArray:
    """The exposed linear head, its backdrop black, with cloth where it is higher than the edge of a surgical cap."""
    seen, scene = sample.render, sample.scene
    out = (seen.linear - (1 - seen.coverage[..., None]) * seen.backdrop) * np.float32(scene.look.exposure)
    if cloth is None:
        return out
    rows, columns = np.nonzero(np.isfinite(seen.depth) & (seen.mesh == 0))
    depth = seen.depth[rows, columns].astype(np.float64)
    camera = scene.camera
    points = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(len(rows))], 1)
    place = (points * depth[:, None] - np.array(scene.pose.translation)) @ scene.pose.camera_rotation
    under = place[:, 1] < CAP_MM + CAP_SLOPE * np.clip(place[:, 2], 0, None)
    rows, columns = rows[under], columns[under]
    normals = seen.normals[rows, columns]
    out[rows, columns] = _lit(scene.light, normals) * np.array(cloth, np.float32) * scene.look.exposure
    return out


def _lit(light: Light, normals: FloatArray) -> FloatArray:
    """(N, 3) linear RGB that white cloth gives off."""
    facing = np.clip(normals @ light.direction.astype(np.float32), 0, None)
    return light.irradiance(normals) + facing[:, None] * light.colour.astype(np.float32)


def _paste(scene: FloatArray, linear: FloatArray, cover: FloatArray, at: IntArray) -> BoolArray:
    """Lay a head over the scene; (H, W) where it now is."""
    covered = np.zeros(scene.shape[:2], bool)
    height, width = cover.shape
    x, y = int(at[0]), int(at[1])
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, scene.shape[1]), min(y + height, scene.shape[0])
    if x1 <= x0 or y1 <= y0:
        return covered
    inside = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
    scene[y0:y1, x0:x1] = scene[y0:y1, x0:x1] * (1 - cover[inside][..., None]) + linear[inside]
    covered[y0:y1, x0:x1] = cover[inside] > 0.5
    return covered


def _share(mine: BoolArray, box: FloatArray) -> float:
    """How much of a box shows its owner, what lies outside the picture counted as hidden."""
    x0, y0, x1, y1 = np.rint(box).astype(int)
    inside = mine[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    return float(inside.sum() / max((x1 - x0) * (y1 - y0), 1))


def _gown(scene: FloatArray, middle: FloatArray, face_px: float, cloth: Cloth, seed: int) -> BoolArray:
    """Shoulders and a trunk below the head, with folds; (H, W) where they are."""
    rng = np.random.default_rng(seed)
    shade = np.zeros(scene.shape[:2], np.uint8)
    x, y = middle
    cv2.ellipse(shade, ((x, y + 1.15 * face_px), (2.7 * face_px, 1.3 * face_px), float(rng.normal(0, 6))), (255,), -1)
    low = y + 3.4 * face_px
    trunk = np.array([[x - 1.2 * face_px, y + 1.2 * face_px], [x + 1.2 * face_px, y + 1.2 * face_px],
                      [x + 0.9 * face_px, low], [x - 0.9 * face_px, low]])  # fmt: skip
    cv2.fillPoly(shade, [trunk.astype(np.int32)], (255,))
    cover = cv2.GaussianBlur(shade, (0, 0), max(0.6, 0.03 * face_px))[..., None].astype(np.float32) / 255
    folds = cv2.resize(rng.uniform(0.45, 1.15, (3, 9)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    scene += cover * (np.asarray(folds)[..., None] * np.array(cloth, np.float32) - scene)
    return np.asarray(cover[..., 0] > 0.5)


def _drapes(rng: np.random.Generator, room: FloatArray) -> None:
    """Cloth over a table and over machines; round lamps and screens that hang in the room."""
    for _ in range(int(rng.integers(1, 4))):
        cloth = np.array(CLOTHS[int(rng.integers(len(CLOTHS)))]) * rng.uniform(0.6, 1.3)
        middle, extent = rng.uniform((0, 0.4), (1, 1), 2) * SIZE, rng.uniform(80, 420, 2)
        corners = cv2.boxPoints((tuple(middle), tuple(extent), float(rng.uniform(0, 90))))
        cv2.fillPoly(room, [corners.astype(np.int32)], tuple(float(v) for v in cloth), cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 4))):
        middle, radius = rng.uniform((0, 0), (1, 1), 2) * SIZE, float(rng.uniform(8, 46))
        grey = float(rng.uniform(0.1, 1.2))
        cv2.circle(room, (int(middle[0]), int(middle[1])), int(radius), (grey, grey, grey), -1, cv2.LINE_AA)


def _glare(scene: FloatArray, lamp: FloatArray, t: int) -> None:
    """A lamp in the picture: a burnt-out disc and a veil that fades with distance, flickering a little."""
    y, x = np.mgrid[: scene.shape[0], : scene.shape[1]].astype(np.float32)
    away = np.hypot(x - np.float32(lamp[0]), y - np.float32(lamp[1]))
    strength = 1.0 + 0.1 * np.sin(2.1 * t)
    scene += (strength * (1.6 * np.exp(-((away / 34) ** 2)) + 0.28 * np.exp(-away / 170)))[..., None]
