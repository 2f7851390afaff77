"""Pixels by class."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.metrics.regions import class_f1, confusion


def test_confusion_and_f1() -> None:
    truth, found = np.array([[0, 1, 1], [2, 2, 2]]), np.array([[0, 1, 2], [2, 2, 1]])
    counts = confusion(truth, found, 4)
    assert counts[1].tolist() == [0, 1, 1, 0]
    f1 = class_f1(counts)
    assert f1[:3].tolist() == pytest.approx([1, 0.5, 2 / 3])
    assert np.isnan(f1[3])


def test_strange_labels_are_refused() -> None:
    with pytest.raises(InputError, match="same shape"):
        confusion(np.zeros(3, int), np.zeros(4, int), 2)
    with pytest.raises(InputError, match=r"0\.\.1"):
        confusion(np.zeros(3, int), np.full(3, 2), 2)
