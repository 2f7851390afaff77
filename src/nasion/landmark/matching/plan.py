"""Which point of one set belongs to which of another: exact optimal transport of unit masses, and how sure a pair is.

With a unit of mass on every point the best transport plan is a permutation, also when only part of the mass travels
(partial transport: occluded or extra points stay behind). The plan comes from POT's network simplex.

Each pair says how much dearer, in all, the best plan without it would be: the sum of costs along the cheapest cycle of
exchanges through it. Where that is no more than the cost of an ordinary pair, the costs do not tell the pair from a
rival, and it is flagged.

Sources: Clerc et al., "HOT-POT: Optimal Transport for Sparse Stereo Matching", arXiv 2601.12423; Chapel et al.,
"Partial Optimal Transport with Applications on Positive-Unlabeled Learning", NeurIPS 2020 (dummy points); Flamary et
al., "POT: Python Optimal Transport", JMLR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError, IntArray, MissingExtraError

# A margin of up to so many times the median cost of a pair is ambiguous. At 4, 97..99 % of the pairs left unflagged are
# right with 0.25..1 px of noise on 68 points, where of all pairs 61..87 % are (nasion bench matching).
ORDINARY = 4.0
_TIE = 1e-9  # of the largest cost: margins this small are rounding


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Pairs between set A of n points and set B of m.

    Attributes:
        pairs: (P, 2) indices into A and B, rising in A; no index occurs twice.
        cost: (P,) of each pair, in the unit of the costs given.
        margin: (P,) how much the whole plan's cost grows when this pair is forbidden, same unit; inf where there is
            no other plan.
        ambiguous: (P,) whether the margin is no more than an ordinary pair's cost: do not rely on this pair.
        alone_a, alone_b: indices of the points without a partner.
    """

    pairs: IntArray
    cost: FloatArray
    margin: FloatArray
    ambiguous: BoolArray
    alone_a: IntArray
    alone_b: IntArray

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def total(self) -> float:
        """The cost of all pairs together."""
        return float(self.cost.sum())

    def partner(self, index: int) -> int | None:
        """The point of B that belongs to point ``index`` of A; None when it stands alone."""
        place = np.flatnonzero(self.pairs[:, 0] == index)
        return int(self.pairs[place[0], 1]) if len(place) else None


def match(
    cost: FloatArray, *, count: int | None = None, price: float | None = None, tolerance: float | None = None
) -> Matching:
    """The cheapest one-to-one pairing.

    Args:
        cost: (n, m) not negative, any one unit; inf forbids a pair.
        count: how many pairs; default as many as the smaller set has points. Fewer come back only where forbidden
            pairs leave no other choice.
        price: instead of ``count``: what a point without a partner costs, same unit. Two points that cost more than
            twice the price stay alone.
        tolerance: margin up to which a pair is ambiguous, same unit; default 4 times the median cost of the pairs.

    Raises:
        InputError: costs of a wrong shape or value, a count that cannot be, or both ``count`` and ``price``.
        MissingExtraError: POT is not installed.
    """
    problem = _Problem.of(cost, count, price)
    plan, potentials = problem.solve()
    pairs = problem.pairs(plan)
    paid = problem.cost[pairs[:, 0], pairs[:, 1]]
    margin = _margins(*problem.unfolded(plan, potentials), problem.never)[pairs[:, 0]]
    if tolerance is None:
        tolerance = ORDINARY * float(np.median(paid)) if len(paid) else 0.0
    ambiguous = np.asarray(margin <= max(tolerance, _TIE * problem.largest))
    alone = (np.setdiff1d(np.arange(size), pairs[:, side]) for side, size in enumerate(problem.cost.shape))
    return Matching(pairs, paid, margin, ambiguous, *alone)


def best_pairs(cost: FloatArray, *, count: int | None = None, price: float | None = None) -> IntArray:
    """(P, 2) pairs alone, as `match` would choose them: for loops that need no margins."""
    problem = _Problem.of(cost, count, price)
    return problem.pairs(problem.solve()[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """A partial transport as a full one: a last row takes the points of B that stay alone, a last column those of A.

    Attributes:
        cost: (n, m) as given.
        full: (n + 1, m + 1) with the dummies' costs, forbidden pairs at ``never``.
        spare_a, spare_b: masses of the dummy row (points of B that may stay alone) and of the dummy column.
        never: a cost that no plan pays if it can help it: more than all pairs together.
        largest: the largest cost that is not forbidden.
    """

    cost: FloatArray
    full: FloatArray
    spare_a: int
    spare_b: int
    never: float
    largest: float

    @classmethod
    def of(cls, cost: FloatArray, count: int | None, price: float | None) -> _Problem:
        cost = np.asarray(cost, np.float64)
        if cost.ndim != 2 or not cost.size or np.isnan(cost).any() or (cost < 0).any():
            raise InputError(f"costs are an (n, m) array of numbers >= 0, both at least 1; got shape {cost.shape}")
        if count is not None and price is not None:
            raise InputError("give the number of pairs or the price of a point alone, not both")
        if price is not None and not (np.isfinite(price) and price >= 0):
            raise InputError(f"the price of a point alone must be a number >= 0, got {price}")
        (n, m), most = cost.shape, min(cost.shape)
        if count is not None and not 1 <= count <= most:
            raise InputError(f"{n} and {m} points can form 1..{most} pairs, got count={count}")
        largest = float(np.max(cost, initial=0.0, where=np.isfinite(cost)))
        never = (max(largest, price or 0.0) + 1e-6) * (n + m + 1)
        # with a price every point may stay alone and spare dummies meet for nothing; with a count they never do
        full = np.full((n + 1, m + 1), 0.0 if price is None else float(price))
        full[:n, :m] = np.where(np.isfinite(cost), cost, never)
        full[n, m] = never if price is None else 0.0
        wanted = most if count is None else count
        spare_a, spare_b = (m - wanted, n - wanted) if price is None else (m, n)
        return cls(cost, full, spare_a, spare_b, never, largest)

    def solve(self) -> tuple[FloatArray, FloatArray]:
        """The best plan (n + 1, m + 1) in whole masses, and the sums of its dual potentials, same shape."""
        n, m = self.cost.shape
        rows, columns = n + (self.spare_a > 0), m + (self.spare_b > 0)
        masses_a = np.ones(rows)
        masses_b = np.ones(columns)
        masses_a[n:], masses_b[m:] = self.spare_a, self.spare_b
        used = np.ascontiguousarray(self.full[:rows, :columns])
        found, log = _pot().emd(masses_a, masses_b, used, numItermax=10_000_000, log=True)
        plan, potentials = np.zeros(self.full.shape), np.zeros(self.full.shape)
        plan[:rows, :columns] = found
        potentials[:rows, :columns] = np.asarray(log["u"])[:, None] + np.asarray(log["v"])[None]
        return plan, potentials

    def pairs(self, plan: FloatArray) -> IntArray:
        """(P, 2) what is left of a plan without dummies and forbidden pairs."""
        n, m = self.cost.shape
        return np.argwhere((plan[:n, :m] > 0.5) & np.isfinite(self.cost))

    def unfolded(self, plan: FloatArray, potentials: FloatArray) -> tuple[FloatArray, IntArray]:
        """The full assignment with one dummy for each unit of dummy mass.

        Returns:
            (S, S) how much each cell costs beyond its potentials, and (S,) the column of each row.
        """
        n, m = self.cost.shape
        row = np.minimum(np.arange(n + self.spare_a), n)
        column = np.minimum(np.arange(m + self.spare_b), m)
        beyond = (self.full - potentials)[np.ix_(row, column)]
        partner = np.full(len(row), -1)
        i, j = np.nonzero(plan[:n, :m] > 0.5)
        partner[i] = j
        partner[np.flatnonzero(partner[:n] < 0)] = m + np.arange(n - len(i))
        partner[n:] = np.setdiff1d(np.arange(len(column)), partner[:n])
        return beyond, partner


def _margins(beyond: FloatArray, partner: IntArray, never: float) -> FloatArray:
    """(S,) how much the best plan without each pair costs more.

    Row i may take the partner of row k for ``beyond[i, partner[k]]``; a plan without pair i is a cycle of such steps
    through i, and the cheapest cycle is a shortest path back to i.
    """
    from scipy.sparse.csgraph import csgraph_from_dense, floyd_warshall

    step = np.clip(beyond[:, partner], 0.0, None)  # below zero only by rounding
    back = floyd_warshall(csgraph_from_dense(step, null_value=np.inf))
    np.fill_diagonal(step, np.inf)
    margin = np.asarray((step + back.T).min(axis=1))
    return np.where(margin >= 0.5 * never, np.inf, margin)


def _pot() -> Any:
    try:
        import ot
    except ImportError as error:
        raise MissingExtraError(
            "matching needs POT, the library of optimal transport: pip install 'nasion[matching]'"
        ) from error
    return ot
