"""Are the head's sliders what they claim? What each moves, and what it must leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasion.core import FloatArray
from nasion.report.bench.result import Table
from nasion.synth.expression import LOWER_EDGE, UPPER_EDGE
from nasion.synth.model import HeadModel
from nasion.synth.parameters import ACTION_UNITS, N_ALBEDO, N_IDENTITY, HeadParameters

Band = tuple[str, float, float]
BROWS: Band = ("brows and lids", -70.0, 14.0)  # mm below the eyes on the mean head at rest
CHEEKS: Band = ("lower lids and cheeks", -14.0, 62.0)
MOUTH: Band = ("mouth, chin, jaw", 36.0, 130.0)
OWN: dict[int, Band] = {
    1: BROWS, 2: BROWS, 4: BROWS, 5: BROWS, 6: CHEEKS, 7: ("lids", -14.0, 20.0), 9: ("nose, brows, lip", -24.0, 72.0),
    10: ("upper lip and beside the nose", 24.0, 74.0), 12: ("mouth and cheeks", 4.0, 130.0), 43: ("lids", -14.0, 20.0),
    45: ("lids", -14.0, 20.0),
}  # fmt: skip
EYES = (((33, 133), ((160, 144), (158, 153))), ((263, 362), ((387, 373), (385, 380))))
FAR = 2.0  # standard deviations at which identity components are tried


def region(unit: int) -> Band:
    """The part of the face that an action unit may move: its name, and its upper and lower end in mm."""
    return OWN.get(unit, MOUTH)


def unit_figures(unit: int, model: HeadModel) -> dict[str, float]:
    """What one action unit does at full intensity.

    Returns:
        ``inside``: share of the squared motion of the 468 points within its region; ``largest``: mm that a point moves;
        ``one_sided``: share of the squared motion beyond 12 mm on the other side when only the left side acts.
    """
    rest = model.points(HeadParameters())[:468]
    both = ((model.points(HeadParameters(expression={unit: 1.0}))[:468] - rest) ** 2).sum(1)
    left = ((model.points(HeadParameters(expression={unit: (1.0, 0.0)}))[:468] - rest) ** 2).sum(1)
    _, low, high = region(unit)
    within = (rest[:, 1] > low) & (rest[:, 1] < high)
    return {
        "inside": float(both[within].sum() / both.sum()),
        "largest": float(np.sqrt(both.max())),
        "one_sided": float(left[rest[:, 0] < -12].sum() / left.sum()),
    }


def readings(points: FloatArray) -> dict[str, float]:
    """What expression readers look at in (478, 3) mm: eye aspect ratio, mouth opening, height of the corners."""
    ratios = [
        sum(np.linalg.norm(points[a] - points[b]) for a, b in pairs) / 2 / np.linalg.norm(points[u] - points[v])
        for (u, v), pairs in EYES
    ]
    wide = float(np.linalg.norm(points[61] - points[291]))
    middle = points[[UPPER_EDGE[0], LOWER_EDGE[0]], 1].mean()
    return {
        "eye": float(np.mean(ratios)),
        "mouth": float(np.linalg.norm(points[13] - points[14]) / wide),
        "corners": float((points[[61, 291], 1].mean() - middle) / wide),
    }


def identity_figures(model: HeadModel) -> dict[str, float]:
    """The largest change of each reading by any identity component, ``FAR`` standard deviations to either side."""
    plain, worst = readings(model.points(HeadParameters())), {"eye": 0.0, "mouth": 0.0, "corners": 0.0}
    for component in range(N_IDENTITY):
        for value in (-FAR, FAR):
            code = np.zeros(N_IDENTITY)
            code[component] = value
            for name, seen in readings(model.points(HeadParameters(identity=code))).items():
                worst[name] = max(worst[name], abs(seen - plain[name]))
    return worst


def paint_figures(model: HeadModel) -> dict[str, float]:
    """How far colours move any vertex, mm, and the share of the atlas whose region they change."""
    plain = HeadParameters()
    surface, paint = model.shape(plain), model.paint(plain, 128)
    moved = changed = 0.0
    for other in (
        *(HeadParameters(tone=float(t)) for t in range(1, 11)),
        HeadParameters(albedo=np.full(N_ALBEDO, 2.0)),
        HeadParameters(wrinkles=1.0, stubble=1.0, freckles=1.0, lip_colour=1.0, eye_shadow=1.0, blush=1.0),
    ):
        moved = max(moved, float(np.abs(model.shape(other).vertices - surface.vertices).max()))
        changed = max(changed, float((model.paint(other, 128).regions != paint.regions).mean()))
    return {"moved_mm": moved, "regions": changed}


def components() -> tuple[tuple[Table, ...], dict[str, Any]]:
    """Tables and numbers for ``nasion bench synth``."""
    model = HeadModel.load()
    units = {unit: unit_figures(unit, model) for unit in ACTION_UNITS}
    identity, paint, plain = identity_figures(model), paint_figures(model), readings(model.points(HeadParameters()))
    smile = readings(model.points(HeadParameters(expression={12: 1.0, 25: 1.0})))
    rows = tuple(
        (
            f"AU {unit}",
            region(unit)[0],
            f"{100 * f['inside']:.1f}",
            f"{f['largest']:.1f}",
            f"{100 * f['one_sided']:.1f}",
        )
        for unit, f in units.items()
    )
    names = {"eye": "eye aspect ratio", "mouth": "mouth opening over its width", "corners": "height of the corners"}
    apart = tuple((names[k], f"{plain[k]:.3f}", f"{identity[k]:.3f}", f"{abs(smile[k] - plain[k]):.3f}") for k in names)
    still = (
        ("place of any vertex, mm", f"{paint['moved_mm']:.4f}"),
        ("regions of the atlas, %", f"{100 * paint['regions']:.3f}"),
    )
    far = f"largest change by identity, {FAR:g} sd"
    tables = (
        Table("Action units at full intensity", ("unit", "its region", "motion inside %", "mm", "other side %"), rows),
        Table("Readings that identity leaves alone", ("reading", "at rest", far, "by AU 12 and 25"), apart),
        Table("What colours leave alone", ("what", "largest change"), still),
    )
    return tables, {"units": {str(u): f for u, f in units.items()}, "identity": identity, "paint": paint}
