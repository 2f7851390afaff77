"""Open or shut from pixels: on people the network never saw, and on crops cut by our own landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray
from nasion.eyes import EyeStateReader
from nasion.eyes.state import SIDE
from nasion.metrics import Mean, bootstrap, roc_auc
from nasion.report.bench.eye_crops import EyeCrops, infrared_eyes, middle, visible_eyes
from nasion.report.bench.result import Table


def state_part(data: Path) -> tuple[Table, dict[str, Any]]:
    """AUC and accuracy on the held-out crops."""
    reader = EyeStateReader()
    rows: list[tuple[Any, ...]] = []
    numbers: dict[str, Any] = {}
    sets = {"infrared, people never seen": infrared_eyes(data), "visible light, crops never seen": visible_eyes(data)}
    for name, eyes in sets.items():
        score = reader.probability(middle(eyes.crops[eyes.held], SIDE))
        truth = eyes.open[eyes.held]
        auc = _auc(score, truth, eyes)
        right = float(((score > 0.5) == truth).mean())
        people = len({subject for subject, held in zip(eyes.subject, eyes.held, strict=True) if held} - {""})
        numbers[name.split(",")[0]] = {
            "auc": auc.value, "auc_95": [auc.low, auc.high], "right": right, "crops": len(truth), "people": people,
        }  # fmt: skip
        rows.append(
            (
                name,
                len(truth),
                people or "-",
                f"{auc.value:.4f}",
                f"{auc.low:.4f} to {auc.high:.4f}",
                f"{100 * right:.1f} %",
            )
        )
    columns = ("crops", "number", "people", "AUC", "95 % interval", "right at 0.5")
    return Table("Open or shut from one eye's pixels", columns, tuple(rows)), numbers


def _auc(score: FloatArray, truth: BoolArray, eyes: EyeCrops) -> Mean:
    """AUC with its interval, people drawn as a whole where they are known."""
    names = np.array(eyes.subject)[eyes.held]
    groups = [np.flatnonzero(names == name) for name in sorted(set(names))]
    if len(groups) < 2:
        groups = [np.array([i]) for i in range(len(truth))]

    def figure(drawn: IntArray) -> float:
        index = np.concatenate([groups[k] for k in drawn])
        return roc_auc(score[index], truth[index])

    return bootstrap(figure, len(groups))
