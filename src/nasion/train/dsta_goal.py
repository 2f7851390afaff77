"""What DSTA is to give: where the landmarker stands on average, lids and lips with the amplitude that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray, scheme
from nasion.track.refiner import LAYOUT

if TYPE_CHECKING:
    from nasion.train.dsta_clips import Clip

LIVELY = ("left_eye", "right_eye", "inner_lips")  # the parts that move quickest
STEADY_S = 10  # frames, spread of the weights that tell what is the same over a while
IN_BLINKS = 0.02  # how much frames with moving lids count for that
STILL = 0.005  # of the eyes' distance, openings that change by less tell nothing of how much is shown of them


def rings() -> list[IntArray]:
    """Both eyes and the inner lips of both layouts, each from corner to corner and back."""
    out, first = [], 0
    for name in LAYOUT:
        out += [np.asarray(scheme(name).index(part)) + first for part in LIVELY]
        first += len(scheme(name))
    return out


def facing(ring: IntArray) -> IntArray:
    """(M, 2) points across from each other on the two lids or lips of a ring: their gap is the opening."""
    half = len(ring) // 2
    return np.stack([ring[1:half], ring[:half:-1]], 1)


def steady(clip: Clip, spread: float = STEADY_S) -> FloatArray:
    """(F, N, 2) px: where the landmarker stands on average around each moment, the goal of the refinement.

    That is the truth, plus what it is off by over a longer while, plus what it shows too little or too much of the
    opening of eyes and mouth. On rendered heads it shows under half of a blink; a network that is taught the whole of
    it makes blinks of real people out of next to nothing.
    """
    off, weight = clip.raw - clip.truth, np.isfinite(clip.raw[..., 0]) & ~clip.covered
    off = np.nan_to_num(off)
    shown = _openings_shown(clip, off, weight)
    weights = weight * np.where(clip.blinks, IN_BLINKS, 1.0)[:, None] + 1e-9
    frames = np.arange(len(clip))
    kernel = np.exp(-0.5 * ((frames[:, None] - frames) / spread) ** 2)
    total = kernel @ weights
    slow = np.einsum("fg,gnk->fnk", kernel, (off - shown) * weights[..., None]) / total[..., None]
    return np.asarray(clip.truth + slow + shown, np.float32)


def _openings_shown(clip: Clip, off: FloatArray, weight: BoolArray) -> FloatArray:
    """(F, N, 2) px: the part of ``off`` that goes with how far each eye and the mouth are open, by least squares."""
    out = np.zeros_like(off)
    for ring in rings():
        one, other = facing(ring).T
        apart = np.linalg.norm(clip.truth[:, one] - clip.truth[:, other], axis=2).mean(1) / clip.size
        level = (apart - np.median(apart))[:, None]
        w = weight[:, ring].astype(np.float64)
        centred = w * (level - (w * level).sum(0) / np.maximum(w.sum(0), 1))
        spread = (centred * level).sum(0) + len(clip) * STILL**2
        out[:, ring] = level[..., None] * (centred[..., None] * off[:, ring]).sum(0) / spread[:, None]
    return out
