"""Unlabelled pictures and videos of a folder, as clips to learn from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from nasion.core import ImageArray, InputError, MediaError
from nasion.detect.detector import LONGEST
from nasion.media import find_sources, open_video, read_image

PIECE, PIECES = 16, 8  # frames of a piece of a video, pieces


def read_clips(folder: Path) -> tuple[list[list[ImageArray]], list[str]]:
    """Pictures and videos of a folder as clips, not larger than the detector looks at.

    Args:
        folder: looked through with all folders below it.

    Returns:
        The clips: each picture one of one frame, each video pieces of 16 frames from all over it; and a line for
        each file that could not be read.

    Raises:
        InputError: nothing in it can be read.
    """
    clips: list[list[ImageArray]] = []
    failed = []
    for source in find_sources([folder]):
        try:
            if source.error:
                raise MediaError(source.error)
            if source.kind == "image":
                clips.append([_shrunk(read_image(source.path))])
            else:
                clips += _pieces(Path(source.path))
        except MediaError as error:
            failed.append(f"{source.name}: {error}")
    if not clips:
        raise InputError(f"{folder}: no picture and no video in it can be read; " + "; ".join(failed[:3]))
    return clips, failed


def _shrunk(image: ImageArray) -> ImageArray:
    """No larger than the detector looks at."""
    scale = LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _pieces(path: Path) -> list[list[ImageArray]]:
    """Up to 8 pieces of 16 frames each, spread over a video."""
    with open_video(path) as video:
        frames = video.frame_count or 0
    starts = np.linspace(0, max(frames - PIECE, 0), min(PIECES, max(frames // PIECE, 1))).astype(int)
    wanted = {int(s) + k: i for i, s in enumerate(starts) for k in range(PIECE)}
    pieces: list[list[ImageArray]] = [[] for _ in starts]
    with open_video(path) as video:
        for number, frame in enumerate(video):
            if number in wanted:
                pieces[wanted[number]].append(_shrunk(frame.image))
    return [piece for piece in pieces if piece]
