"""The synthetic head: people who do not exist, with pose, points, visibility, gaze, lids, action units, light known.

The names below load their modules on first use. Functions named like their module (``motion.motion``,
``truth_table.truth_table``) are imported from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.synth.events import EventCamera, EventSettings, read_events, write_events
    from nasion.synth.fit import PointFit, assumed_camera, fit_points
    from nasion.synth.fit_skin import HeadFit, fit_pixels
    from nasion.synth.light import LIGHTS, Light
    from nasion.synth.model import HeadModel
    from nasion.synth.motion import Motion
    from nasion.synth.occluders import OCCLUDERS, Occluder
    from nasion.synth.parameters import HeadParameters
    from nasion.synth.presets import EXPRESSIONS
    from nasion.synth.sampling import SceneOptions, sample_head, sample_scene, stereo, synth_batch
    from nasion.synth.scene import Look, Sample, Scene, place, portrait, render_scene
    from nasion.synth.surface import Paint, Part, Region, Surface
    from nasion.synth.truth import HeadTruth
    from nasion.synth.truth_table import truth_row, truth_schema

_HOMES = {
    "EXPRESSIONS": "presets",
    "EventCamera": "events",
    "EventSettings": "events",
    "HeadFit": "fit_skin",
    "HeadModel": "model",
    "HeadParameters": "parameters",
    "HeadTruth": "truth",
    "LIGHTS": "light",
    "Light": "light",
    "Look": "scene",
    "Motion": "motion",
    "OCCLUDERS": "occluders",
    "Occluder": "occluders",
    "Paint": "surface",
    "Part": "surface",
    "PointFit": "fit",
    "Region": "surface",
    "Sample": "scene",
    "Scene": "scene",
    "SceneOptions": "sampling",
    "Surface": "surface",
    "assumed_camera": "fit",
    "fit_pixels": "fit_skin",
    "fit_points": "fit",
    "place": "scene",
    "portrait": "scene",
    "read_events": "events",
    "render_scene": "scene",
    "sample_head": "sampling",
    "sample_scene": "sampling",
    "stereo": "sampling",
    "synth_batch": "sampling",
    "truth_row": "truth_table",
    "truth_schema": "truth_table",
    "write_events": "events",
}

__all__ = [
    "EXPRESSIONS",
    "LIGHTS",
    "OCCLUDERS",
    "EventCamera",
    "EventSettings",
    "HeadFit",
    "HeadModel",
    "HeadParameters",
    "HeadTruth",
    "Light",
    "Look",
    "Motion",
    "Occluder",
    "Paint",
    "Part",
    "PointFit",
    "Region",
    "Sample",
    "Scene",
    "SceneOptions",
    "Surface",
    "assumed_camera",
    "fit_pixels",
    "fit_points",
    "place",
    "portrait",
    "read_events",
    "render_scene",
    "sample_head",
    "sample_scene",
    "stereo",
    "synth_batch",
    "truth_row",
    "truth_schema",
    "write_events",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
