"""A second look at what the first network is unsure of: each candidate's surroundings, cut from the picture.

A network that looks at a whole picture in two milliseconds finds nearly every face, but scores and places many badly.
So its candidates are taken from a low score on, and a small network looks at each again: is it a face, where is its
box, where are its five points? It sees the picture's own pixels, and what the first one said of the candidate.

Sources: the second stage of Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 2016; Cai and Vasconcelos, "Cascade R-CNN", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, IntArray
from nasion.models import Session

SIDE = 40  # px of a crop
CONTEXT = 1.75  # of a crop's side over the longer side of the candidate's box
PRIOR = 16  # numbers that say what the first look found
SMALL, LARGE = 8.0, 64.0  # px, roots of boxes' areas between which the network is told the size
BATCH = 64  # crops at a time
SHOWN = 0.5  # of a crop: where the picture shows less, the face fills it and there is little to see around it


def windows(rows: FloatArray) -> IntArray:
    """Candidates (N, 15) to squares (N, 3) of whole px: x0, y0, side."""
    low, size = rows[:, :2], rows[:, 2:4] - rows[:, :2]
    squares = np.empty((len(rows), 3), np.intp)
    squares[:, 2:] = side = np.maximum(np.rint(CONTEXT * size.max(axis=1, keepdims=True)), 4)
    squares[:, :2] = np.rint((low + rows[:, 2:4] - side + 1) / 2)
    return squares


def cut(image: ImageArray, squares: IntArray, out: ImageArray) -> FloatArray:
    """Fill ``out`` (N, S, S, 3) with ``squares`` (N, 3) of a picture; its border is repeated outside.

    Returns:
        (N,) the share of each square that the picture shows.
    """
    height, width = image.shape[:2]
    size, shown = out.shape[1], np.ones(len(squares), np.float32)
    for i, ((x, y, side), crop) in enumerate(zip(squares.tolist(), out, strict=True)):
        piece = image[max(y, 0) : y + side, max(x, 0) : x + side]
        if x < 0 or y < 0 or x + side > width or y + side > height:
            over = (max(-y, 0), max(y + side - height, 0), max(-x, 0), max(x + side - width, 0))
            shown[i] = piece.shape[0] * piece.shape[1] / side**2
            piece = np.asarray(cv2.copyMakeBorder(piece, *over, cv2.BORDER_REPLICATE), np.uint8)
        cv2.resize(piece, (size, size), crop, interpolation=cv2.INTER_AREA if side > 2 * size else cv2.INTER_LINEAR)
    return shown


def into(rows: FloatArray, squares: IntArray) -> FloatArray:
    """(N, 14) box and points of candidates (N, 15) in their squares: -1 at the left or upper edge, 1 at the other."""
    middle, half = _frame(squares)
    places = np.concatenate([rows[:, :4], rows[:, 5:15]], axis=1).reshape(-1, 7, 2)
    return np.asarray((places - middle) / half).reshape(-1, 14)


def out_of(places: FloatArray, scores: FloatArray, squares: IntArray) -> FloatArray:
    """Candidates (N, 15) of what ``into`` gives and scores (N,)."""
    middle, half = _frame(squares)
    px = (places.reshape(-1, 7, 2) * half + middle).reshape(-1, 14)
    rows = np.empty((len(px), 15), np.float32)
    rows[:, :4], rows[:, 4], rows[:, 5:] = px[:, :4], scores, px[:, 4:]
    return rows


def _frame(squares: IntArray) -> tuple[FloatArray, FloatArray]:
    """Middles (N, 1, 2) and half sides (N, 1, 1) of squares, px."""
    half = squares[:, None, 2:].astype(np.float32) / 2
    return squares[:, None, :2] + (half - 0.5), half


def prior(rows: FloatArray, squares: IntArray) -> FloatArray:
    """(N, 16) what the first look found: logit of the score, size, box and points in the square."""
    size = np.sqrt((rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]))
    out = np.empty((len(rows), PRIOR), np.float32)
    out[:, 0] = _logit(rows[:, 4])
    out[:, 1] = np.log2(np.minimum(np.maximum(size, SMALL), LARGE) / SMALL) - 1
    out[:, 2:] = into(rows, squares)
    return out


class SecondLook:
    """Scores and places candidates again.

    Args:
        model: a name of the catalogue or an ONNX file.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        ModelError: as for ``nasion.models.Session``.
    """

    def __init__(self, model: str | Path, *, device: str = "cpu", threads: int | None = None) -> None:
        self.session = Session(model, device=device, threads=threads)

    def __call__(self, images: Sequence[ImageArray], found: Sequence[FloatArray]) -> list[FloatArray]:
        """Candidates (N, 15) of each RGB uint8 image, in px of it, scored and placed again."""
        ends = list(accumulate(map(len, found)))
        if not ends or not ends[-1]:
            return list(found)
        parts = [slice(end - len(rows), end) for end, rows in zip(ends, found, strict=True)]
        rows = np.concatenate(found)
        squares = windows(rows)
        crops, shown = np.empty((len(rows), SIDE, SIDE, 3), np.uint8), np.empty(len(rows), np.float32)
        for image, part in zip(images, parts, strict=True):
            shown[part] = cut(image, squares[part], crops[part])
        numbers = prior(rows, squares)
        batches = [slice(start, start + BATCH) for start in range(0, len(rows), BATCH)]
        answers = [self.session.run({"crops": crops[some], "prior": numbers[some]}) for some in batches]
        score, places = (np.concatenate([answer[name] for answer in answers]) for name in ("score", "places"))
        narrow = shown < SHOWN
        if narrow.any():  # the first look, which finds faces that fill a picture, counts as much as the second
            score[narrow] = _sigmoid((_logit(score[narrow]) + numbers[narrow, 0]) / 2)
        again = out_of(places, score, squares)
        return [again[part] for part in parts]


def _logit(score: FloatArray) -> FloatArray:
    score = np.minimum(np.maximum(score, 1e-4), 1 - 1e-4)
    return np.asarray(np.log(score / (1 - score)))


def _sigmoid(logit: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-logit)))
