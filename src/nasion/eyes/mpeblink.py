"""Files of the MPEblink benchmark: annotations and results, to and from tracks.

Annotations: ``videos`` and ``annotations``, each of those with ``video_id``, ``bboxes`` ([x, y, w, h] or null a frame)
and ``blinks`` ([first, last] frame). Results: a list with ``video_id``, ``score``, ``bboxes`` and
``blinks_converted`` ([first, last, score]). Source: github.com/wenzhengzeng/MPEblink, CVPR 2023.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import InputError, MediaError
from nasion.media.paths import prepare_output, safe_name, why
from nasion.metrics import BlinkTrack


def read_mpeblink(path: str | os.PathLike[str]) -> dict[int, list[BlinkTrack]]:
    """Tracks by video id, from annotations or results. Blinks become half-open frames.

    Raises:
        InputError: the file cannot be read or is neither.
    """
    try:
        held = json.loads(Path(path).read_text("utf-8"))
        rows = held["annotations"] if isinstance(held, dict) else held
        found: dict[int, list[BlinkTrack]] = {}
        if isinstance(held, dict):
            found = {int(video["id"]): [] for video in held["videos"]}
        for row in rows:
            found.setdefault(int(row["video_id"]), []).append(_track(row))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{safe_name(path)} is no MPEblink file: {type(error).__name__}: {error}") from error
    return found


def write_mpeblink(path: str | os.PathLike[str], tracks: Mapping[int, Sequence[BlinkTrack]]) -> None:
    """Write results by video id.

    Raises:
        MediaError: the file cannot be written.
    """
    rows = [_row(video, track) for video, own in tracks.items() for track in own]
    target = prepare_output(path)
    try:
        target.write_text(json.dumps(rows), "utf-8")
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def _track(row: Mapping[str, Any]) -> BlinkTrack:
    boxes = np.array([box or [np.nan] * 4 for box in row["bboxes"]], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    blinks = [*(row["blinks_converted"] if "blinks_converted" in row else row["blinks"])]
    frames = np.array([(blink[0], blink[1] + 1) for blink in blinks], np.float64).reshape(-1, 2)
    scores = np.array([blink[2] if len(blink) > 2 else 1.0 for blink in blinks], np.float64)
    return BlinkTrack(boxes, frames, scores, float(row.get("score", 1.0)))


def _row(video: int, track: BlinkTrack) -> dict[str, Any]:
    sizes = np.concatenate([track.boxes[:, :2], track.boxes[:, 2:] - track.boxes[:, :2]], 1)
    return {
        "video_id": video, "category_id": 1, "score": track.score,
        "bboxes": [[float(v) for v in box] if np.isfinite(box).all() else None for box in sizes],
        "blinks_converted": [
            [int(a), int(b) - 1, float(score)] for (a, b), score in zip(track.blinks, track.blink_scores, strict=True)
        ],
    }  # fmt: skip
