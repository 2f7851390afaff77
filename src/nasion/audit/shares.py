"""How much of the variance each factor explains, fairly shared among factors that go together.

The share of a factor is its gain in R squared averaged over all orders in which factors can enter: Lindeman, Merenda
and Gold 1980 (LMG), the Shapley value of R squared. Shares sum up to the R squared of the whole model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from nasion.audit.design import Design
from nasion.core import FloatArray, InputError

MOST_FACTORS = 14  # 16 384 regressions, some seconds


@dataclass(frozen=True, slots=True)
class Shares:
    """What explains the variance of a measure's logarithm.

    Attributes:
        shapley: factor to its share, 0..1.
        drop_one: factor to the R squared lost when it alone is left out.
        whole: the R squared of all factors together.
    """

    shapley: Mapping[str, float]
    drop_one: Mapping[str, float]
    whole: float


def variance_shares(design: Design, y: FloatArray) -> Shares:
    """The shares of all factors of a design.

    Args:
        design: controls and attributes.
        y: (N,) what is explained.

    Raises:
        InputError: more than 14 factors.
    """
    names = [name for name, columns in design.columns.items() if columns.stop > columns.start]
    if len(names) > MOST_FACTORS:
        raise InputError(f"shares of more than {MOST_FACTORS} factors take too long; audit by fewer attributes")
    centred = design.matrix - design.matrix.mean(axis=0)
    target = y - y.mean()
    gram, pull, total = centred.T @ centred, centred.T @ target, float(target @ target)
    index = {name: np.arange(design.columns[name].start, design.columns[name].stop) for name in names}
    explained: dict[frozenset[str], float] = {frozenset(): 0.0}
    for size in range(1, len(names) + 1):
        for subset in combinations(names, size):
            chosen = np.concatenate([index[name] for name in subset])
            solved, *_ = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], pull[chosen], rcond=1e-10)
            explained[frozenset(subset)] = float(pull[chosen] @ solved) / total if total > 0 else 0.0
    every = frozenset(names)
    shapley = dict.fromkeys(names, 0.0)
    for entered, value in explained.items():
        for name in every - entered:
            weight = 1 / (len(names) * comb(len(names) - 1, len(entered)))
            shapley[name] += weight * (explained[entered | {name}] - value)
    whole = explained[every]
    return Shares(shapley, {name: whole - explained[every - {name}] for name in names}, whole)
