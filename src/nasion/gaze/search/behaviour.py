"""What a search says of the searcher: reaction times, their growth with the number of items, asymmetry.

Source: "Visual Search Asymmetry: Deep Nets and Humans Share Similar Inherent Biases", NeurIPS 2021, arXiv 2106.02953.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasion.core import FloatArray, InputError

PER_FIXATION, ONCE = 252.36, 376.27  # ms; the paper's fit to people


def reaction_time(fixations: npt.ArrayLike) -> FloatArray:
    """Milliseconds that people take for a search of so many fixations."""
    return np.asarray(PER_FIXATION * np.asarray(fixations, np.float64) + ONCE)


def search_slope(items: npt.ArrayLike, times: npt.ArrayLike) -> float:
    """Milliseconds an item: the straight line through times over numbers of items.

    Args:
        items: (N,) numbers of items, at least two different ones.
        times: (N,) ms.
    """
    x, y = np.asarray(items, np.float64), np.asarray(times, np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(np.unique(x)) < 2:
        raise InputError(f"a slope needs times for two numbers of items at least, got {x.shape} and {y.shape}")
    return float(np.polyfit(x, y, 1)[0])


def asymmetry_index(hard: npt.ArrayLike, easy: npt.ArrayLike) -> FloatArray:
    """(hard - easy) / (hard + easy) of slopes, each floored at 0; 0 where both are.

    Which of the two searches is the hard one is what people find hard, so an index below 0 is the wrong way round.
    """
    a, b = (np.maximum(np.asarray(s, np.float64), 0) for s in (hard, easy))
    total = a + b
    return np.asarray(np.where(total > 0, (a - b) / np.where(total > 0, total, 1), 0.0))
