"""How well the pixels of a picture are labelled."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError, IntArray


def confusion(truth: IntArray, found: IntArray, classes: int) -> IntArray:
    """(classes, classes) pixels by true class (row) and found class (column).

    Args:
        truth, found: labels 0..classes - 1, the same shape.
        classes: how many.

    Raises:
        InputError: other shapes, or a label that is no class.
    """
    a, b = np.asarray(truth).ravel().astype(np.int64), np.asarray(found).ravel().astype(np.int64)
    if a.shape != b.shape:
        raise InputError(f"truth and found must have the same shape, got {np.shape(truth)} and {np.shape(found)}")
    if a.size and not (min(a.min(), b.min()) >= 0 and max(a.max(), b.max()) < classes):
        raise InputError(f"labels lie in 0..{classes - 1}, got {min(a.min(), b.min())}..{max(a.max(), b.max())}")
    return np.bincount(a * classes + b, minlength=classes**2).reshape(classes, classes)


def class_f1(counts: IntArray) -> FloatArray:
    """(classes,) F1 of each class, 0..1, from a confusion of pixels; NaN for one that is neither there nor found."""
    both = counts.sum(0) + counts.sum(1)
    return np.asarray(np.where(both > 0, 2 * np.diag(counts) / np.maximum(both, 1), np.nan))
