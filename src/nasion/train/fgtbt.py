"""FGTBT: one network for data sets that are annotated with different points.

Every set's points are places in a union of 124 (scheme ``union124``); a picture teaches only the points it is labelled
with. Points that many sets share would drown the others, so each is weighted by how many sets hold it (``balance``).
Edges found in the frequency domain guide every block of the transformer (``fgtbt_net``).

Source: "FGTBT: Frequency-Guided Task-Balancing Transformer for Unified Facial Landmark Detection", arXiv 2601.12863.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, InputError, IntArray, scheme
from nasion.core.schemes.maps import dense478_to_union124
from nasion.core.schemes.union124 import AFLW19, COFW29, IBUG68, WFLW98
from nasion.train.data import LandmarkSet, load_folder
from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

UNION = 124
LISTS = {"aflw19": AFLW19, "cofw29": COFW29, "ibug68": IBUG68, "wflw98": WFLW98}
"""The layouts that make up the union, the smallest first."""
BETA = 0.9
SIGMA = 1.0  # px of the map; the published 3 px of 240 would be 0.4 px of 32, which no map can hold


def occurrence(names: Sequence[str] = tuple(LISTS)) -> IntArray:
    """(124,) how many of the layouts ``names`` hold each union point."""
    return np.sum([np.isin(np.arange(UNION), LISTS[name]) for name in names], axis=0)


def balance(counts: IntArray, beta: float = BETA) -> FloatArray:
    """Weight of a point that ``counts`` data sets hold, ``(1 - beta) / (1 - beta^n)``; 0 where none does.

    The effective number of samples of Cui et al., "Class-Balanced Loss", CVPR 2019. ``beta`` 0 weighs all alike.
    """
    if not 0 <= beta < 1:
        raise InputError(f"beta must be at least 0 and below 1, got {beta}")
    held = np.maximum(counts, 1)
    return np.where(counts > 0, (1 - beta) / (1 - np.power(beta, held, dtype=np.float64)), 0.0)


def as_union(data: LandmarkSet) -> LandmarkSet:
    """The same faces in ``union124``, points that their layout lacks NaN.

    Raises:
        InputError: the layout is neither one of ``LISTS`` nor ``dense478`` nor ``union124``.
    """
    name = data.scheme.name
    if name == "union124":
        return data
    shape = (len(data), UNION)
    points, visible = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32)
    if name in LISTS:
        points[:, list(LISTS[name])], visible[:, list(LISTS[name])] = data.points, data.visible
    elif name == "dense478":
        weights = dense478_to_union124()
        held = np.abs(weights).sum(1) > 0
        points[:, held] = np.einsum("kn,bnd->bkd", weights[held], data.points)
        size = np.abs(weights[held])
        visible[:, held] = data.visible @ (size / size.sum(1, keepdims=True)).T
    else:
        raise InputError(f"{name!r} is not part of the union; give {', '.join(LISTS)}, dense478 or union124")
    return replace(data, points=points, visible=visible, scheme=scheme("union124"))


def only(data: LandmarkSet, name: str) -> LandmarkSet:
    """The union set as annotators of layout ``name`` would have labelled it: all other points NaN."""
    union = as_union(data)
    other = np.setdiff1d(np.arange(UNION), LISTS[name])
    points, visible = union.points.copy(), union.visible.copy()
    points[:, other], visible[:, other] = np.nan, 0
    return replace(union, points=points, visible=visible)


def merge(sets: Sequence[LandmarkSet]) -> LandmarkSet:
    """One ``union124`` set out of several, each repeated to the length of the longest, so that all are drawn alike.

    Raises:
        InputError: no sets, views of different sizes, or a layout outside the union.
    """
    if not sets or len({data.size for data in sets}) > 1:
        raise InputError(f"merging takes sets with one size of view, got {[data.size for data in sets]}")
    longest = max(map(len, sets))
    parts = [as_union(data).take(np.resize(np.arange(len(data)), longest)) for data in sets]
    return LandmarkSet(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.visible for part in parts]),
        scheme("union124"),
        tuple(name for part in parts for name in part.names),
        sets[0].size,
        tuple(line for data in sets for line in data.skipped),
    )


def layouts(data: LandmarkSet) -> tuple[str, ...]:
    """For each face the smallest layout of ``LISTS`` that holds all its known points; ``union124`` where none does."""
    if data.scheme.name in LISTS:
        return (data.scheme.name,) * len(data)
    known = np.asarray(np.isfinite(as_union(data).points).all(2))
    outside = {name: np.setdiff1d(np.arange(UNION), ids) for name, ids in LISTS.items()}
    return tuple(next((name for name, other in outside.items() if not row[other].any()), "union124") for row in known)


class FGTBT:
    """The recipe. Trains on any layout of ``LISTS``, or on a merged ``union124`` set.

    Args:
        edges: inject the high-pass picture.
        beta: of ``balance``; 0 weighs all points alike.
        plan: ``"tiny"`` (0.8 M parameters), ``"small"`` (MiT-B0 widths, 4.3 M) or ``"published"`` (MiT-B4).
    """

    name = "fgtbt"
    size, strength = 32, 0.5
    stages = (Stage("train", rate=3e-3, weight_decay=1e-2),)

    def __init__(self, edges: bool = True, beta: float = BETA, plan: str = "tiny") -> None:
        self.edges, self.beta, self.plan = edges, beta, plan
        self._set_of_face: IntArray = np.zeros(0, np.intp)
        self._weight: FloatArray = np.ones(UNION)

    def load(self, path: str | os.PathLike[str], size: int) -> LandmarkSet:
        """What ``load_folder`` reads; of a folder that mixes layouts each table, or else each sub-folder, is one set.

        Raises:
            InputError: as ``load_folder``.
        """
        try:
            return load_folder(path, size=size)
        except InputError:
            inside = sorted(Path(path).iterdir()) if Path(path).is_dir() else []
            parts = [p for p in inside if p.suffix.lower() == ".csv"] or [p for p in inside if p.is_dir()]
            if len(parts) < 2:
                raise
            return merge([load_folder(part, size=size) for part in parts])

    def prepare(self, data: LandmarkSet) -> None:
        """Learn which layout each face comes in and weigh the points by how many layouts hold them."""
        names = np.array(layouts(data))
        present, self._set_of_face = np.unique(names, return_inverse=True)
        known = np.asarray(np.isfinite(as_union(data).points).all(2))
        self._weight = balance(np.sum([known[names == name].any(0) for name in present], axis=0), self.beta)

    def build(self, points: int, size: int) -> nn.Module:
        """The network: 124 heatmaps whatever ``points`` is, of which those of the layout are read."""
        self._ids(points)
        if size % 32:
            raise InputError(f"fgtbt halves its views five times: give a size that 32 divides, such as 96, not {size}")
        from nasion.train import fgtbt_net

        plan = {"small": fgtbt_net.SMALL, "tiny": fgtbt_net.TINY, "published": fgtbt_net.PUBLISHED}[self.plan]
        return fgtbt_net.FrequencyGuided(size, plan, self.edges)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The balanced adaptive wing loss: per data set the mean over its own points, then the sum over sets."""
        import torch

        from nasion.train.heatmaps import adaptive_wing, gaussians

        ids = self._ids(batch.points.shape[1])
        found = model((batch.images + 1) / 2)[:, ids]
        # labelled points only: over all 124 maps of a face the loss would cost as much as the network
        face, point = batch.known.nonzero(as_tuple=True)
        target = gaussians(batch.points[face, point][None], found.shape[-1], SIGMA)
        costs = adaptive_wing(found[face, point][None], target)[0]
        costs = costs * torch.as_tensor(self._weight[ids], dtype=costs.dtype)[point]
        origin = torch.as_tensor(self._set_of_face)[batch.index][face]
        return {"heatmaps": sum((costs[origin == member].mean() for member in origin.unique()), found.sum() * 0)}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """The heatmaps' peaks."""
        from nasion.train.heatmaps import peaks

        return peaks(model((images + 1) / 2))[:, self._shown]

    _shown: list[int]

    def _ids(self, points: int) -> list[int]:
        """Union indices of the layout with so many points; remembered for ``predict``."""
        fitting = {len(ids): list(ids) for ids in LISTS.values()} | {UNION: list(range(UNION))}
        if points not in fitting:
            raise InputError(f"the union has no layout of {points} points, only of {', '.join(map(str, fitting))}")
        self._shown = fitting[points]
        return self._shown
