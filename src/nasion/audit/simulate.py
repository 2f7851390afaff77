"""Audits with a known answer: faces whose groups, circumstances and errors are drawn, to test the statistics on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.audit.table import AuditTable


@dataclass(frozen=True, slots=True)
class World:
    """How the errors come about. The logarithm of the error is the sum of the effects below and of noise.

    Attributes:
        faces: how many.
        confounded: correlation between ``race`` and the logarithm of the face's height.
        effect: ratio of the errors of level "old" of ``age`` to those of level "young"; ``race`` has none of its own.
        height_share: share of the variance that the height explains, 0..1.
        yaw_effect: log error at 30 degrees of yaw, growing with its square (a U).
        yaw_spread: how many times wider level "b" of ``race`` spreads in yaw than level "a".
        noise: standard deviation of what nothing explains.
    """

    faces: int = 2000
    confounded: float = 0.4
    effect: float = 1.0
    height_share: float = 0.29
    yaw_effect: float = 0.0
    yaw_spread: float = 1.0
    noise: float = 0.3


def simulate(world: World, seed: int) -> AuditTable:
    """Draw one data set: attributes ``age`` (young, old) and ``race`` (a, b), confounders ``height`` and ``yaw``."""
    rng = np.random.default_rng(seed)
    n = world.faces
    race = rng.integers(0, 2, n)
    age = rng.integers(0, 2, n)
    # a fair coin as +-1 has spread 1, so that its weight is the correlation
    size = world.confounded * (1 - 2 * race) + np.sqrt(1 - world.confounded**2) * rng.normal(size=n)
    yaw = rng.normal(0, 12, n) * np.where(race == 1, world.yaw_spread, 1.0)
    slope = world.noise * np.sqrt(world.height_share / max(1 - world.height_share, 1e-9))
    log_error = (
        np.log(0.03)
        - slope * size
        + np.log(world.effect) * age
        + world.yaw_effect * (yaw / 30) ** 2
        + rng.normal(0, world.noise, n)
    )
    files = tuple(f"{i}.png" for i in range(n))
    return AuditTable(
        files,
        np.ones(n, bool),
        {},
        {"age": np.array(["young", "old"])[age], "race": np.array(["a", "b"])[race]},
        {"nme": np.exp(log_error)},
        {"height": 150 * np.exp(0.4 * size), "yaw": yaw},
        files,
        True,
    )
