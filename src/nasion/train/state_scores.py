"""How good a binary state is told: area under the curve, accuracy, intervals by people, errors by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError, IntArray
from nasion.metrics import Mean, bootstrap, bootstrap_mean, roc_auc


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """Errors in one group: how many clips, people, and shares (NaN without such clips)."""

    clips: int
    people: int
    error: float
    false_alarms: float
    misses: float


@dataclass(frozen=True, slots=True)
class StateScores:
    """Scores on people that were not trained on.

    Attributes:
        auc, accuracy: with intervals by bootstrap over people, 95 %.
        groups: name to errors.
    """

    auc: Mean
    accuracy: Mean
    groups: dict[str, GroupErrors]


def state_scores(probability: FloatArray, label: IntArray, subject: IntArray, group: Sequence[str] = ()) -> StateScores:
    """Score clips; what counts as the state is a probability of a half or more.

    Raises:
        InputError: all clips have one label.
    """
    if len(set(label.tolist())) < 2:
        raise InputError("all clips have the same label: there is nothing to tell apart")
    people = np.unique(subject)
    own = [np.flatnonzero(subject == who) for who in people]

    def area(drawn: IntArray) -> float:
        rows = np.concatenate([own[i] for i in drawn])
        if len(set(label[rows].tolist())) < 2:
            return float("nan")
        return roc_auc(probability[rows], label[rows] == 1)

    right = (probability >= 0.5) == (label == 1)
    errors: dict[str, GroupErrors] = {}
    names = np.array(group or [""] * len(label))
    for name in np.unique(names) if group else ():
        rows = names == name
        wrong = ~right & rows
        errors[str(name) or "unknown"] = GroupErrors(
            int(rows.sum()), len(set(subject[rows].tolist())), float(wrong.sum() / rows.sum()),
            _share(wrong & (label == 0), rows & (label == 0)), _share(wrong & (label == 1), rows & (label == 1)),
        )  # fmt: skip
    return StateScores(
        bootstrap(area, len(people)), bootstrap_mean(right.astype(float), subject.tolist()), errors
    )  # fmt: skip


def split_subjects(subject: IntArray, label: IntArray, share: float = 0.25, seed: int = 0) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows held out: whole people, with both labels on both sides.

    Raises:
        InputError: the people do not allow it.
    """
    people = np.unique(subject)
    for attempt in range(200):
        order = np.random.default_rng((seed, attempt)).permutation(people)
        held = np.isin(subject, order[: max(1, round(share * len(people)))])
        if all(len(set(label[side].tolist())) == 2 for side in (held, ~held)):
            return np.flatnonzero(~held), np.flatnonzero(held)
    raise InputError(
        f"{len(people)} people cannot be split so that both labels stand on both sides: people are never split; get "
        "clips of more people, or both labels of each"
    )


def check_disjoint(learn: IntArray, held: IntArray) -> None:
    """Raise where somebody stands on both sides.

    Raises:
        InputError: with how many.
    """
    shared = set(learn.tolist()) & set(held.tolist())
    if shared:
        raise InputError(f"{len(shared)} people are both learned from and held out: that measures who they are")


def _share(part: IntArray, whole: IntArray) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else float("nan")
