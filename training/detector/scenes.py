"""Training scenes, made as they are needed: crops of crowds, faces pasted on backgrounds, mosaics of face pictures.

Every scene is a function of (seed, step, place in the batch), so a resumed run sees what an unbroken one would.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.train.detector_views import SIDE, move, settle, similarity, warp

KINDS, SHARES = ("crowd", "paste", "mosaic"), (0.7, 0.18, 0.12)


@dataclass
class Store:
    """What ``prepare.py`` wrote."""

    sheet: np.ndarray
    size: np.ndarray
    rows: list[np.ndarray]
    files: list[str]

    @classmethod
    def load(cls, work: Path, name: str) -> Store:
        labels = np.load(work / f"{name}_labels.npz")
        rows = np.split(labels["rows"], labels["first"][1:-1])
        return cls(
            np.load(work / f"{name}.npy", mmap_mode="r"), labels["size"], rows, [str(f) for f in labels["files"]]
        )

    def picture(self, i: int) -> np.ndarray:
        width, height = self.size[i]
        return np.asarray(self.sheet[i, :height, :width])

    def __len__(self) -> int:
        return len(self.rows)


def angle(rng: np.random.Generator) -> float:
    """Mostly upright, some tilted, some lying or upside-down; degrees."""
    draw = rng.random()
    if draw < 0.05:
        return float(rng.choice([90.0, 180.0, 270.0]) + rng.normal(0, 8))
    return float(rng.uniform(-45, 45) if draw < 0.15 else rng.normal(0, 5))


def overlaps(box: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Shared area over the smaller area, (N,)."""
    low, high = np.maximum(rows[:, 0:2], box[0:2]), np.minimum(rows[:, 2:4], box[2:4])
    shared = np.clip(high - low, 0, None).prod(1)
    area = (rows[:, 2:4] - rows[:, 0:2]).prod(1)
    return np.asarray(shared / np.maximum(np.minimum(area, (box[2:4] - box[0:2]).prod()), 1e-6))


class Scenes:
    """Seeded scenes.

    Args:
        work: where ``prepare.py`` wrote.
        seed: of every scene.
        photos: which photos of the crowds to use: the training ones, or those kept for choices.
    """

    def __init__(self, work: Path, seed: int, photos: list[int]) -> None:
        self.faces, self.crowds, self.seed = Store.load(work, "faces"), Store.load(work, "crowds"), seed
        self.photos = photos
        self.wide = np.flatnonzero(["/landmarks68/" in f for f in self.faces.files])  # much more than the face

    def scene(self, step: int, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The picture (SIDE, SIDE, 3) uint8 RGB as the network sees it, as the teacher sees it, and its rows (N, 16).

        Column 4 of a row: 1 a face, between 0 and 1 as likely one as that, 0 to be ignored, -1 surely none.
        """
        rng = np.random.default_rng([self.seed, step, place])
        kind = rng.choice(KINDS, p=SHARES)
        image, rows = getattr(self, kind)(rng)
        rows = self.settle(rows)
        image, decoys = distract(rng, occlude(rng, image, rows), rows)
        return degrade(rng, image), image, np.concatenate([rows, decoys])

    @staticmethod
    def settle(rows: np.ndarray) -> np.ndarray:
        """What the teacher was unsure of counts as far as it was sure."""
        rows = rows.copy()
        unsure = rows[:, 4] == 0
        rows[unsure, 4] = rows[unsure, 15]
        return settle(rows)

    def crowd(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        i = self.photos[int(rng.integers(len(self.photos)))]
        image, rows = self.crowds.picture(i), self.crowds.rows[i]
        face = rows[int(rng.integers(len(rows)))]
        size = float(np.sqrt(max((face[2] - face[0]) * (face[3] - face[1]), 4.0)))
        target = np.exp(rng.uniform(np.log(8), np.log(60 if rng.random() < 0.5 else 200)))
        extent = self.crowds.size[i].astype(np.float64)
        least = SIDE / extent.max() * (1.0 if rng.random() < 0.85 else 0.5)  # rarely more margin than photo
        scale = float(np.clip(target / size, least, max(4.0, least)))
        half = SIDE / scale / 2
        middle = (face[0:2] + face[2:4]) / 2 + rng.uniform(-0.8, 0.8, 2) * half
        middle = np.where(extent > 2 * half, np.clip(middle, half * 0.9, extent - half * 0.9), extent / 2)
        mirrored = bool(rng.random() < 0.5)
        matrix = similarity(middle, scale, angle(rng), np.full(2, SIDE / 2), mirrored)
        fill = (0, 0, 0) if rng.random() < 0.7 else tuple(int(v) for v in rng.integers(0, 256, 3))
        return warp(image, matrix, fill), move(rows, matrix, mirrored)

    def background(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A crowd with its rows, a face-free piece of a photo, or no photo at all."""
        draw = rng.random()
        if draw < 0.35:
            return self.crowd(rng)
        if draw < 0.8:
            i = self.photos[int(rng.integers(len(self.photos)))]
            image, rows = self.crowds.picture(i), self.crowds.rows[i]
            height, width = image.shape[:2]
            for _ in range(12):
                side = float(np.exp(rng.uniform(np.log(24), np.log(min(height, width)))))
                x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
                if overlaps(np.array([x, y, x + side, y + side]), rows).max(initial=0) < 0.02:
                    center = np.array([x + side / 2, y + side / 2])
                    cut = image[int(y) : int(y + side) + 1, int(x) : int(x + side) + 1]
                    center -= (int(x), int(y))
                    turn = float(rng.choice([0.0, 90.0, 180.0, 270.0]))
                    return warp(cut, similarity(center, SIDE / side, turn, np.full(2, SIDE / 2), False)), rows[:0]
        return texture(rng), np.zeros((0, 16), np.float32)

    def paste(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, rows = self.background(rng)
        image = image.copy()
        largest = np.exp(rng.uniform(np.log(14), np.log(300)))
        count = 0 if rng.random() < 0.25 else int(rng.integers(1, 2 + min(14, int(600 / largest))))
        for _ in range(count):
            i = int(rng.integers(len(self.faces)))
            source, labels = self.faces.picture(i), self.faces.rows[i][:1]
            box = labels[0, :4]
            size = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
            mirrored = bool(rng.random() < 0.5)
            scale = float(min(largest * rng.uniform(0.6, 1.0), 300) / size)
            matrix = similarity(
                (box[:2] + box[2:]) / 2, scale, angle(rng), rng.uniform(-0.02, 1.02, 2) * SIDE, mirrored
            )
            placed = move(labels, matrix, mirrored)
            if len(rows) and overlaps(placed[0, :4], rows).max() > 0.1:
                continue
            mask = cv2.warpAffine(cutout(rng, source.shape, box), matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
            mask = mask[..., None].astype(np.float32) / 255
            image = (image + mask * (warp(source, matrix).astype(np.float32) - image)).astype(np.uint8)
            rows = np.concatenate([rows, placed])
        return image, rows

    def mosaic(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        columns = int(rng.choice([1, 2, 3, 4, 5, 6, 8], p=[0.6, 0.12, 0.08, 0.06, 0.05, 0.05, 0.04]))
        image, rows = texture(rng), []
        cell = SIDE / columns
        for y in range(columns):
            for x in range(columns):
                if rng.random() < 0.12:
                    continue
                # alone on the canvas, every other face has a real scene around it
                wide = columns == 1 and rng.random() < 0.5
                i = int(rng.choice(self.wide) if wide else rng.integers(len(self.faces)))
                source, labels = self.faces.picture(i), self.faces.rows[i]
                zoom = np.exp(rng.uniform(np.log(0.5), np.log(2.2))) if columns == 1 else rng.uniform(0.55, 1.15)
                scale = cell / max(source.shape[:2]) * zoom
                mirrored = bool(rng.random() < 0.5)
                center = np.array(source.shape[1::-1]) / 2
                to = (np.array([x, y]) + 0.5 + rng.uniform(-0.12, 0.12, 2)) * cell
                matrix = similarity(center, scale, angle(rng) if rng.random() < 0.5 else 0.0, to, mirrored)
                x0, y0, x1, y1 = (round(v) for v in (x * cell, y * cell, (x + 1) * cell, (y + 1) * cell))
                if columns == 1:
                    image = warp(source, matrix, tuple(int(v) for v in image[0, 0]))
                else:
                    shifted = matrix - np.array([[0, 0, x0], [0, 0, y0]])
                    image[y0:y1, x0:x1] = warp(source, shifted, tuple(int(v) for v in image[y0, x0]))[
                        : y1 - y0, : x1 - x0
                    ]
                rows.append(move(labels, matrix, mirrored))
        return image, np.concatenate([np.zeros((0, 16), np.float32), *rows])


def cutout(rng: np.random.Generator, shape: tuple[int, ...], box: np.ndarray) -> np.ndarray:
    """How much of a face picture is pasted: all of it, or a soft oval around the head. (H, W) uint8."""
    height, width = shape[:2]
    if rng.random() < 0.3:
        return np.full((height, width), 255, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    center = (int((box[0] + box[2]) / 2), int(box[1] * 0.55 + box[3] * 0.45))
    axes = (int((box[2] - box[0]) * rng.uniform(0.6, 1.0)), int((box[3] - box[1]) * rng.uniform(0.72, 1.1)))
    cv2.ellipse(mask, center, axes, 0, 0, 360, 255, -1)
    blur = int(max(box[2] - box[0], 8) * rng.uniform(0.02, 0.15)) * 2 + 1
    mask = cv2.blur(mask, (blur, blur))
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    return mask


def texture(rng: np.random.Generator) -> np.ndarray:
    """Flat colour, a ramp, or noise of some grain, (SIDE, SIDE, 3) uint8."""
    draw = rng.random()
    if draw < 0.3:
        return np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)
    grain = int(rng.choice([2, 3, 8, 20, 60, 160]))
    spread = rng.uniform(10, 120)
    small = np.clip(rng.normal(rng.uniform(40, 215, 3), spread, (grain, grain, 3)), 0, 255).astype(np.uint8)
    flag = cv2.INTER_NEAREST if rng.random() < 0.2 else cv2.INTER_LINEAR
    return cv2.resize(small, (SIDE, SIDE), interpolation=flag)


def occlude(rng: np.random.Generator, image: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Cover up to about half of some faces: masks, bars over the eyes, hands in the roughest form."""
    for face in rows:
        x0, y0, x1, y1 = face[:4]
        w, h = x1 - x0, y1 - y0
        if face[4] != 1 or w < 10 or rng.random() > 0.16:
            continue
        draw = rng.random()
        if draw < 0.55:
            wear_mask(rng, image, face)
            continue
        colour = pigment(rng)
        if draw < 0.7:
            y = y0 + h * rng.uniform(0.2, 0.3)
            cv2.rectangle(image, (int(x0), int(y)), (int(x1), int(y + h * rng.uniform(0.12, 0.25))), colour, -1)
        else:
            cx, cy = rng.uniform(x0, x1), rng.uniform(y0, y1)
            axes = (int(w * rng.uniform(0.1, 0.32)), int(h * rng.uniform(0.1, 0.32)))
            cv2.ellipse(image, (int(cx), int(cy)), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    return image


def wear_mask(rng: np.random.Generator, image: np.ndarray, face: np.ndarray) -> None:
    """A mask from the bridge of the nose to below the chin, shaded, perhaps folded and with straps."""
    if np.isnan(face[5]):
        center, size = (face[:2] + face[2:4]) / 2, face[2:4] - face[:2]
        right, down = np.array([size[0] / 2, 0.0]), np.array([0.0, size[1] / 2])
        nose = center + 0.1 * down
    else:  # along the face's own axes
        points = face[5:15].reshape(5, 2)
        eyes, mouth, nose = points[:2].mean(0), points[3:].mean(0), points[2]
        down = (mouth - eyes) * 1.1
        right = np.array([down[1], -down[0]]) * 0.85
    top, spread = rng.uniform(-0.4, 0.1), rng.uniform(0.8, 1.15)
    outline = [(-1, top), (-0.35, top - 0.12), (0, top - 0.18), (0.35, top - 0.12), (1, top)]
    outline += [(0.95, 0.5), (0.55, 1.0), (0, 1.15), (-0.55, 1.0), (-0.95, 0.5)]
    polygon = np.array([nose + u * spread * right + v * down for u, v in outline])
    pale = rng.choice(4, p=[0.4, 0.25, 0.2, 0.15])
    base = ((225, 228, 232), (150, 190, 220), (25, 25, 30), pigment(rng))[int(pale)]
    base = tuple(int(np.clip(v + rng.normal(0, 14), 0, 255)) for v in base)
    cv2.fillPoly(image, [(polygon * 16).astype(np.int32)], base, cv2.LINE_AA, 4)
    size = float(np.linalg.norm(right))
    if size > 8:
        for v in rng.uniform(0.0, 0.9, int(rng.integers(0, 4))):
            shade = tuple(int(np.clip(c * rng.uniform(0.75, 1.1), 0, 255)) for c in base)
            ends = [nose + u * spread * right * 0.9 + v * down for u in (-1, 1)]
            cv2.line(image, *(tuple(int(c) for c in e) for e in ends), shade, max(1, int(size / 20)), cv2.LINE_AA)


def distract(rng: np.random.Generator, image: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In half of the scenes, things a little like faces that are none: lamps, signs, balls, rings, letters, glyphs.

    Returns the picture and a row per thing, marked as surely no face.
    """
    decoys = np.full((0, 16), np.nan, np.float32)
    if rng.random() > 0.5:
        return image, decoys
    for _ in range(int(rng.integers(1, 11))):
        size = float(np.exp(rng.uniform(np.log(8), np.log(120))))
        x, y = rng.uniform(0, SIDE, 2)
        if len(rows) and overlaps(np.array([x - size, y - size, x + size, y + size]), rows).max() > 0:
            continue
        draw, at = rng.random(), (int(x), int(y))
        colour, other = (pigment(rng) for _ in range(2))
        if draw < 0.5:
            disc(rng, image, at, size, colour, other)
        elif draw < 0.75:
            glyph(rng, image, at, size, colour, other)
        elif draw < 0.92:
            text = "".join(chr(int(c)) for c in rng.integers(33, 127, int(rng.integers(1, 8))))
            font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
            height = min(size, 60) / 24
            cv2.putText(image, text, at, font, height, colour, max(1, int(height * rng.uniform(1, 5))), cv2.LINE_AA)
        else:
            points = (np.array([x, y]) + rng.uniform(-size, size, (int(rng.integers(3, 7)), 2)) / 2).astype(np.int32)
            cv2.fillPoly(image, [points], colour, cv2.LINE_AA)
        decoy = np.full(16, np.nan, np.float32)
        decoy[:5] = x - size, y - size, x + size, y + size, -1
        decoys = np.concatenate([decoys, decoy[None]])
    return image, decoys


def pigment(rng: np.random.Generator) -> tuple[int, ...]:
    """A colour: of skin, of masks, or any."""
    draw = rng.random()
    tone = np.array([255, rng.uniform(150, 220), rng.uniform(90, 200)]) * rng.uniform(0.25, 1.0)
    pale = rng.uniform(180, 255) + rng.uniform(-15, 15, 3)
    colour = tone if draw < 0.4 else pale if draw < 0.6 else rng.integers(0, 256, 3)
    return tuple(int(np.clip(v, 0, 255)) for v in colour)


def disc(
    rng: np.random.Generator, image: np.ndarray, at: tuple[int, int], size: float, colour: tuple, other: tuple
) -> None:
    """An oval: plain, a ring, with a bar across, with a smaller one inside, or half in another colour; perhaps soft."""
    axes = (max(2, int(size * rng.uniform(0.3, 0.5))), max(2, int(size * rng.uniform(0.35, 0.5))))
    turn, draw = float(rng.normal(0, 20)), rng.random()
    width = max(1, int(size * rng.uniform(0.04, 0.15))) if draw < 0.15 else -1
    cv2.ellipse(image, at, axes, turn, 0, 360, colour, width, cv2.LINE_AA)
    if 0.15 <= draw < 0.35:
        half, bar = int(axes[0] * rng.uniform(0.4, 0.9)), max(1, int(axes[1] * rng.uniform(0.08, 0.3)))
        y = at[1] + int(axes[1] * rng.uniform(-0.4, 0.4))
        cv2.rectangle(image, (at[0] - half, y - bar), (at[0] + half, y + bar), other, -1)
    elif draw < 0.55:
        inner = (max(1, int(axes[0] * rng.uniform(0.3, 0.8))), max(1, int(axes[1] * rng.uniform(0.3, 0.8))))
        cv2.ellipse(image, at, inner, turn, 0, 360, other, -1, cv2.LINE_AA)
        if rng.random() < 0.5:
            cv2.ellipse(image, at, inner, 0, 0, 180, pigment(rng), -1, cv2.LINE_AA)
    elif draw < 0.75:
        cv2.ellipse(
            image, at, axes, turn, float(rng.uniform(0, 60)), float(rng.uniform(120, 220)), other, -1, cv2.LINE_AA
        )
    if size > 14 and rng.random() < 0.4:
        x0, y0, x1, y1 = (int(max(v, 0)) for v in (at[0] - size, at[1] - size, at[0] + size, at[1] + size))
        blur = int(size * rng.uniform(0.08, 0.25)) | 1
        image[y0:y1, x0:x1] = cv2.blur(image[y0:y1, x0:x1], (blur, blur))


def glyph(
    rng: np.random.Generator, image: np.ndarray, at: tuple[int, int], size: float, colour: tuple, other: tuple
) -> None:
    """Random strokes on a plate, mostly mirrored left to right as many signs are; perhaps several in a row."""
    n = int(rng.integers(4, 9))
    for k in range(int(rng.choice([1, 1, 1, 3, 5]))):
        bits = rng.random((n, n)) < rng.uniform(0.3, 0.6)
        if rng.random() < 0.6:
            bits |= bits[:, ::-1]
        plate = np.where(bits[..., None], np.array(colour), np.array(other)).astype(np.uint8)
        side = max(6, int(size * 0.8))
        flag = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
        x, y = at[0] + k * int(side * 1.15), at[1]
        room = image[y : y + side, x : x + side]
        room[:] = cv2.resize(plate, (side, side), interpolation=flag)[: room.shape[0], : room.shape[1]]


def degrade(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Light, colour, grey, blur, lost resolution, noise, JPEG."""
    if rng.random() < 0.8:
        gain = np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.07, 3))
        gain *= rng.uniform(0.12, 0.5) if rng.random() < 0.08 else 1.0
        ramp = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.2))
        table = np.clip((ramp[:, None] * gain + rng.normal(0, 0.06)) * 255, 0, 255).astype(np.uint8)
        image = cv2.LUT(np.ascontiguousarray(image), table[None])
    if rng.random() < 0.12:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    draw = rng.random()
    if draw < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 1.8)))
    elif draw < 0.27:
        factor = rng.uniform(0.35, 0.8)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (SIDE, SIDE), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))
    if rng.random() < 0.12:
        noise = np.empty((SIDE, SIDE, 3), np.int16)
        cv2.randn(noise, 0, float(rng.uniform(3, 18)))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
        image = cv2.imdecode(cv2.imencode(".jpg", image[..., ::-1], quality)[1], cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(image)
