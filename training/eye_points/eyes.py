"""Crops of rendered and photographed eyes with their points, drawn in augmented batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.landmark.eye_points import HEIGHT, INNER, OUTER, POINTS, WIDTH, eye_rows, eye_views
from nasion.landmark.view import cut
from nasion.train.damage import damage
from training.landmarker.prepare import WORK as FACES

HELD = 12  # every so many rendered people are held out
TURN, ZOOM, SHIFT = 4.0, 0.07, 1.6  # degrees, share, px: crops are off by this, on top of what the landmarker is off
DAMAGED = 0.6  # share of the crops whose light, sharpness or noise is changed
NARROW = 0.45  # of the wider eye's width, below which the teacher's points on a photo are a guess
CORNERS = [POINTS.index(OUTER), POINTS.index(INNER)]


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """N eyes of pictures.

    Attributes:
        pictures: (P, H, W, 3) uint8.
        row: (N,) whose eye, ``mirrored`` (N,) whether it is a right one.
        view: (N, 2, 3) where the landmarker's points have it cut.
        true: (N, 21, 2) px of the picture, ``placed`` the landmarker's.
        shows: (N, 5) whether iris points can be seen; NaN where nobody knows.
        held: (N,) bool.
    """

    pictures: np.ndarray
    row: np.ndarray
    mirrored: np.ndarray
    view: np.ndarray
    true: np.ndarray
    placed: np.ndarray
    shows: np.ndarray
    held: np.ndarray

    def sample(self, i: int, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        """The crop of an eye and its 21 points in it; as in use without ``rng``, else moved, mirrored and damaged."""
        view, mirrored = self.view[i], bool(self.mirrored[i])
        if rng is not None:
            view = jittered(view, rng)
        crop = cut(np.asarray(self.pictures[self.row[i]]), view, WIDTH)
        points = self.true[i] @ view[:, :2].T + view[:, 2]
        if mirrored:
            crop, points = crop[:, ::-1], points * (-1, 1) + (WIDTH - 1, 0)
        if rng is not None and rng.random() < DAMAGED:
            crop = damage(np.ascontiguousarray(crop), rng)
        edge = (WIDTH - HEIGHT) // 2
        return crop[edge : edge + HEIGHT], points - (0, edge)

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        """(B, HEIGHT, WIDTH, 3) uint8 and (B, 21, 2) px."""
        crops, points = zip(*(self.sample(int(i), rng) for i in index), strict=True)
        return np.stack(crops), np.stack(points).astype(np.float32)


def jittered(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    angle, zoom = np.radians(rng.normal(0, TURN)), float(np.exp(rng.normal(0, ZOOM)))
    c, s = np.cos(angle) * zoom, np.sin(angle) * zoom
    turn, middle = np.array([[c, -s], [s, c]]), np.full(2, (WIDTH - 1) / 2)
    shift = turn @ (view[:, 2] - middle) + middle + rng.normal(0, SHIFT, 2)
    return np.concatenate([turn @ view[:, :2], shift[:, None]], axis=1)


def _gather(
    pictures: np.ndarray, row: np.ndarray, found: np.ndarray, true: np.ndarray, shows: np.ndarray, held: np.ndarray
) -> Eyes:
    """Both eyes of each face that has eyes to cut."""
    both, columns = eye_rows(), []
    for i in range(len(row)):
        views = eye_views(found[i, :, :2])
        width = [float(np.linalg.norm(np.subtract(*true[i, rows[CORNERS], :2]))) for rows in both]
        for side in (0, 1) if views is not None else ():
            if width[side] >= NARROW * max(width):
                rows = both[side]
                columns.append(
                    (row[i], side == 1, views[side], true[i, rows, :2], found[i, rows, :2], shows[i, rows[:5]], held[i])
                )
    return Eyes(pictures, *(np.stack(column) for column in zip(*columns, strict=True)))


def rendered(path: Path) -> Eyes:
    """What ``training.eye_points.renders`` wrote as PATH.npy and PATH.npz."""
    data = np.load(path.with_suffix(".npz"))
    pictures = np.load(path.with_suffix(".npy"), mmap_mode="r")
    shows = data["visible"].astype(np.float32)
    return _gather(pictures, data["row"], data["found"], data["true"], shows, data["person"] % HELD == 0)


def cached(path: Path) -> Eyes:
    """What ``training.eye_points.photos`` wrote."""
    data = np.load(path)
    pictures = np.load(FACES / f"{data['pictures']}.npy", mmap_mode="r")
    shows = data["visible"] if "visible" in data else np.full(data["true"].shape[:2], np.nan, np.float32)
    return _gather(pictures, data["row"], data["found"], data["true"], shows, data["held"])


def off(found: np.ndarray, eyes: Eyes, index: np.ndarray) -> dict[str, float]:
    """Error over the eye's width, percent: iris centre, all iris points, lids; how far the iris follows its turn."""
    true = eyes.true[index]
    width = np.linalg.norm(true[:, CORNERS[0]] - true[:, CORNERS[1]], axis=1)[:, None]
    error = 100 * np.linalg.norm(found - true, axis=2) / width
    place, aim = (_along(points)[:, None] for points in (found, true))
    slope = float(np.polyfit(aim[:, 0], place[:, 0], 1)[0])
    return {
        "iris": float(error[:, 0].mean()), "iris points": float(error[:, :5].mean()),
        "lids": float(error[:, 5:].mean()), "follows": slope,
    }  # fmt: skip


def _along(points: np.ndarray) -> np.ndarray:
    """(N,) where the iris centre is between the corners, 0 inner to 1 outer."""
    outer, inner = points[:, CORNERS[0]], points[:, CORNERS[1]]
    way = outer - inner
    return np.asarray(((points[:, 0] - inner) * way).sum(1) / (way**2).sum(1))


def sheet(crops: np.ndarray, points: np.ndarray, columns: int = 8) -> np.ndarray:
    """Crops with points drawn, to look at; (R * 160, columns * 256, 3) uint8."""
    out = []
    for crop, xy in zip(crops, points, strict=True):
        big = cv2.resize(crop, (WIDTH * 4, HEIGHT * 4), interpolation=cv2.INTER_CUBIC)
        for k, (x, y) in enumerate((xy + 0.5) * 4):
            cv2.circle(big, (int(x), int(y)), 2, (255, 60, 60) if k < 5 else (60, 255, 60), -1, cv2.LINE_AA)
        out.append(big)
    rows = [np.concatenate(out[i : i + columns], 1) for i in range(0, len(out) // columns * columns, columns)]
    return np.concatenate(rows, 0)
