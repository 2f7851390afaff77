"""The table of truth: a row per face and picture, versioned, as Arrow and Parquet.

| column | type | meaning |
|---|---|---|
| `file` | string | picture, relative to the table; for a clip its video |
| `frame`, `time_s` | int32, float64 | number and time in a clip; 0 and null for a still |
| `view` | string | `single`, or `left` and `right` of a stereo rig |
| `width, height` | int32 | px |
| `fx, fy, cx, cy` | float64 | intrinsics, px |
| `yaw, pitch, roll` | float64 | degrees relative to the line of sight, `nasion.core.pose` |
| `tx, ty, tz` | float64 | mm, head origin in the camera frame |
| `points` | list of float32 | `dense478`: x0, y0, x1, y1, ... px |
| `points3d` | list of float32 | `dense478` in the head frame, with the expression: x0, y0, z0, ... mm |
| `visibility` | list of uint8 | of each dense point: 0 hidden by the head, 1 hidden by something else, 2 visible |
| `ibug68`, `ibug68_visibility` | list of float32 | converted points, px, and 0..1 |
| `eye_centres` | list of float32 | mm, head frame: left x, y, z, right x, y, z |
| `gaze_left, gaze_right` | list of float32 | unit vector, camera frame |
| `gaze_yaw_left, gaze_pitch_left, ..._right` | float64 | degrees, head frame |
| `regard_x, regard_y` | float64 | mm, where the eyes look on the camera's plane; null when they look away from it |
| `lid_upper_left, lid_lower_left, ..._right` | float64 | degrees of the lids about their hinge |
| `lid_opening_left, lid_opening_right` | float64 | degrees between them |
| `au01_left, au01_right, ... au45_right` | float32 | action units, 0..1 |
| `expression` | string | its name; `custom` for loose action units |
| `tone` | float64 | Monk scale, 1..10 |
| `identity`, `albedo` | list of float32 | codes of shape and skin, standard deviations |
| `jaw, pupil, brow_weight, lip_colour, eye_shadow, blush` | float64 | as in `HeadParameters` |
| `stubble, wrinkles, freckles` | float64 | the same |
| `iris, hair, hair_colour` | string | as in `HeadParameters` |
| `light` | string | its name |
| `ambient` | list of float32 | nine harmonics of red, green, blue each |
| `lamp_direction, lamp_colour` | list of float32 | towards the lamp, camera frame; linear RGB |
| `shadow` | float64 | 0..1 |
| `occluders` | list of string | kinds |
| `hidden_share` | float64 | share of the points that an occluder hides, of those the head does not |
| `background` | string | its name |
| `exposure, blur, noise` | float64 | of the camera; px; 8-bit levels |
| `jpeg` | int32 | quality; null for none |
| `grey` | bool | black and white |
| `phase_blink, phase_saccade, phase_nod, ...` | string | label of the frame; null without that script |

"left" and "right" are the subject's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from nasion.synth.motion import SCRIPTS
from nasion.synth.parameters import ACTION_UNITS
from nasion.synth.scene import Sample

TRUTH_VERSION = "1"

SIDES = ("left", "right")
_FLOATS = pa.list_(pa.float32())
_SLIDERS = ("jaw", "pupil", "brow_weight", "lip_colour", "eye_shadow", "blush", "stubble", "wrinkles", "freckles")
_WORDS = ("iris", "hair", "hair_colour")


def _columns() -> dict[str, pa.DataType]:
    numbers = {name: pa.float64() for name in ("fx", "fy", "cx", "cy", "yaw", "pitch", "roll", "tx", "ty", "tz")}
    eyes = {f"gaze_{angle}_{side}": pa.float64() for side in SIDES for angle in ("yaw", "pitch")}
    lids = {f"lid_{what}_{side}": pa.float64() for side in SIDES for what in ("upper", "lower", "opening")}
    units = {f"au{unit:02d}_{side}": pa.float32() for unit in ACTION_UNITS for side in SIDES}
    return {
        "file": pa.string(), "frame": pa.int32(), "time_s": pa.float64(), "view": pa.string(),
        "width": pa.int32(), "height": pa.int32(), **numbers,
        "points": _FLOATS, "points3d": _FLOATS, "visibility": pa.list_(pa.uint8()),
        "ibug68": _FLOATS, "ibug68_visibility": _FLOATS,
        "eye_centres": _FLOATS, "gaze_left": _FLOATS, "gaze_right": _FLOATS, **eyes,
        "regard_x": pa.float64(), "regard_y": pa.float64(), **lids, **units,
        "expression": pa.string(), "tone": pa.float64(), "identity": _FLOATS, "albedo": _FLOATS,
        **{name: pa.float64() for name in _SLIDERS}, **{name: pa.string() for name in _WORDS},
        "light": pa.string(), "ambient": _FLOATS, "lamp_direction": _FLOATS, "lamp_colour": _FLOATS,
        "shadow": pa.float64(),
        "occluders": pa.list_(pa.string()), "hidden_share": pa.float64(), "background": pa.string(),
        "exposure": pa.float64(), "blur": pa.float64(), "noise": pa.float64(), "jpeg": pa.int32(), "grey": pa.bool_(),
        **{f"phase_{script}": pa.string() for script in SCRIPTS},
    }  # fmt: skip


def truth_schema() -> pa.Schema:
    """The Arrow schema of the table of truth."""
    return pa.schema(list(_columns().items()), metadata={"nasion_synth_schema": TRUTH_VERSION})


def truth_row(
    sample: Sample,
    file: str,
    *,
    time_s: float | None = None,
    view: str = "single",
    phases: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One row, column name to value.

    Args:
        sample: a rendered scene.
        file: its picture or clip.
        time_s: in a clip.
        view: which camera of a rig.
        phases: motion script to the label of this frame.
    """
    truth, scene = sample.truth, sample.scene
    head, camera, pose, look = scene.head, truth.camera, truth.pose, scene.look
    ibug = truth.landmarks("ibug68")
    regard = truth.point_of_regard
    row: dict[str, Any] = {
        "file": file, "frame": scene.frame, "time_s": time_s, "view": view,
        "width": truth.size[0], "height": truth.size[1],
        "fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy,
        "yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll,
        "tx": pose.translation[0], "ty": pose.translation[1], "tz": pose.translation[2],
        "points": _flat(truth.points), "points3d": _flat(truth.points3d), "visibility": truth.visibility,
        "ibug68": _flat(ibug.points[:, :2]), "ibug68_visibility": _flat(ibug.visibility),
        "eye_centres": _flat(truth.eye_centres), "gaze_left": _flat(truth.gaze[0]), "gaze_right": _flat(truth.gaze[1]),
        "regard_x": None if np.isnan(regard[0]) else regard[0], "regard_y": None if np.isnan(regard[1]) else regard[1],
        "expression": truth.expression, "tone": truth.tone, "identity": _flat(truth.identity),
        "albedo": _flat(np.asarray(head.albedo)),
        **{name: float(getattr(head, name)) for name in _SLIDERS}, **{name: getattr(head, name) for name in _WORDS},
        "light": truth.light.name, "ambient": _flat(truth.light.ambient.T),
        "lamp_direction": _flat(truth.light.direction), "lamp_colour": _flat(truth.light.colour),
        "shadow": truth.light.shadow,
        "occluders": list(truth.occluders), "hidden_share": truth.hidden_share, "background": scene.background,
        "exposure": look.exposure, "blur": look.blur, "noise": look.noise, "jpeg": look.jpeg, "grey": look.grey,
    }  # fmt: skip
    for k, side in enumerate(SIDES):
        row[f"gaze_yaw_{side}"], row[f"gaze_pitch_{side}"] = (float(v) for v in truth.gaze_angles[k])
        row[f"lid_upper_{side}"], row[f"lid_lower_{side}"] = (float(v) for v in truth.lid_angles[k])
        row[f"lid_opening_{side}"] = truth.lid_opening[k]
        row |= {f"au{unit:02d}_{side}": truth.units.get(unit, (0.0, 0.0))[k] for unit in ACTION_UNITS}
    return row | {f"phase_{script}": label for script, label in (phases or {}).items()}


def truth_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of ``truth_row`` as an Arrow table."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=truth_schema())


def _flat(values: Any) -> Any:
    return np.asarray(values, np.float32).ravel()
