"""The plots of the robustness benchmark: error curves, and error by pose, size, blur and occlusion."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import FloatArray
from nasion.metrics import bootstrap_mean, cumulative_error_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_YAW_EDGES = (0, 5, 10, 20, 30, 90)
_CAP = 0.25  # mean errors above it are off the paper: such points are anywhere

Systems = dict[str, dict[str, Any]]


def errors_of(s: dict[str, Any]) -> FloatArray:
    """(F,) fractions, inf for a missed face."""
    return np.array([np.inf if v is None else v for v in s.get("nme_per_face", [None] * s["faces"])])


def draw_curves(figure: Figure, conditions: dict[str, Systems]) -> None:
    """Cumulative error curves, one small plot for each condition."""
    figure.set_size_inches(9.6, 9.6)
    panels = figure.subplots(3, 3, sharex=True, sharey=True).ravel()
    for axes, (name, systems) in zip(panels, conditions.items(), strict=False):
        for i, (label, s) in enumerate(systems.items()):
            x, y = cumulative_error_curve(errors_of(s), 0.12)
            axes.plot(100 * x, 100 * y, label=label, linewidth=2.2 if i == 0 else 1.1)
        axes.set_title(name, fontsize=9)
        axes.set(xlim=(0, 12), ylim=(0, 101))
        axes.grid(alpha=0.3)
    figure.supxlabel("error, % of the inter-ocular distance", fontsize=9)
    figure.supylabel("% of faces with at most this error", fontsize=9)
    panels[0].legend(loc="lower right", fontsize=6)


def draw_by_yaw(figure: Figure, systems: Systems, yaw: FloatArray) -> None:
    """Mean error of the clean pictures by how far the head is turned."""
    axes = figure.subplots()
    bins = [(yaw >= low) & (yaw < high) for low, high in pairwise(_YAW_EDGES)]
    names = [
        (f"{low}-{high}" if high < _YAW_EDGES[-1] else f"over {low}") + f"\n{int(chosen.sum())} faces"
        for (low, high), chosen in zip(pairwise(_YAW_EDGES), bins, strict=True)
    ]
    groups = {label: [errors_of(s)[chosen] for chosen in bins] for label, s in systems.items()}
    _draw_means(axes, groups, np.arange(len(bins), dtype=float))
    axes.set_xticks(range(len(bins)), names, fontsize=8)
    axes.set_xlabel("head turned left or right, degrees (from the human points)")


def draw_by_level(figure: Figure, name: str, sweep: dict[str, Any], clean: Systems) -> None:
    """Mean error of the faces found (above) and share of faces missed (below) against how much was spoiled."""
    figure.set_size_inches(6.4, 5.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    levels = {float(level): systems for level, systems in sweep["levels"].items()}
    if name != "size":
        levels = {0.0: clean} | levels
    x = np.array(list(levels))
    groups = {label: [errors_of(systems[label]) for systems in levels.values()] for label in clean}
    _draw_means(above, groups, x)
    for i, (label, of_level) in enumerate(groups.items()):
        missed = [100 * np.isinf(errors).mean() for errors in of_level]
        below.plot(x, missed, marker=".", label=label, linewidth=2.2 if i == 0 else 1.1)
    below.set(xlabel=sweep["axis"], ylabel="missed, %")
    below.set_ylim(bottom=0)
    below.grid(alpha=0.3)
    if name == "size":
        below.invert_xaxis()


def _draw_means(axes: Axes, groups: dict[str, list[FloatArray]], x: FloatArray) -> None:
    """Means of the found faces with their intervals, a little apart so that the bars can be told from each other."""
    apart = 0.012 * (x.max() - x.min() or 1.0)
    for i, (label, of_level) in enumerate(groups.items()):
        found = [errors[np.isfinite(errors)] for errors in of_level]
        means = [bootstrap_mean(errors, draws=500) if errors.size else None for errors in found]
        rows = [(at, m.value, m.value - m.low, m.high - m.value) for at, m in zip(x, means, strict=True) if m]
        if rows:
            at, value, down, up = np.array(rows).T
            shift = (i - (len(groups) - 1) / 2) * apart
            width = 2.2 if i == 0 else 1.1
            axes.errorbar(at + shift, 100 * value, 100 * np.stack([down, up]), label=label, marker=".", linewidth=width)
    low, high = axes.get_ylim()
    axes.set_ylim(0, min(high, 100 * _CAP) if low < 100 * _CAP else high)
    axes.set_ylabel("error of the faces found, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
