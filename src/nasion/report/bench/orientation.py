"""Which way rendered heads face, read from their pixels at the size of a face at a distance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from nasion.core import ImageArray
from nasion.pipeline import Analyzer
from nasion.pose import head_orientation
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Table
from nasion.synth import LIGHTS, HeadModel, HeadParameters, Scene, place, portrait, render_scene, sample_head

SEED, PEOPLE = 733, 8
WIDTHS = (100, 65)  # px of a face: 65 is an adult at 1.2 m before a 60 degree, 640 px camera
RENDERED, FILL = 320, 0.5
POSES = {  # degrees of yaw and pitch, clear of the thresholds by at least 5 degrees
    "forward": ((0, 0), (-6, 3), (7, -4)),
    "left": ((-25, 0), (-40, -8), (-32, 8)),
    "right": ((25, 0), (40, 8), (32, -8)),
    "up": ((0, 20), (6, 26), (-5, 22)),
    "down": ((0, -20), (6, -26), (-5, -22)),
}


def orientation_part(people: int = PEOPLE) -> tuple[Table, dict[str, Any]]:
    """Accuracy of the five classes, by the size of the face; straight ahead is each person's own frontal picture."""
    model, analyzer = HeadModel.load(), Analyzer(("landmarks", "pose"), threads=1)
    camera, distance = portrait((RENDERED, RENDERED), FILL, 60.0)
    found: dict[int, list[tuple[str, str]]] = {width: [] for width in WIDTHS}
    missed = dict.fromkeys(WIDTHS, 0)
    errors: dict[int, list[tuple[float, float]]] = {width: [] for width in WIDTHS}
    for person in progress(range(people), "heads", people):
        head = sample_head(np.random.default_rng((SEED, person)))
        head = replace(head, gaze=((0.0, 0.0), (0.0, 0.0)), expression={})

        def picture(yaw: float, pitch: float, head: HeadParameters = head) -> ImageArray:
            pose = place(yaw, pitch, 0, (0.0, 0.0, distance))
            scene = Scene(head, pose, camera, (RENDERED, RENDERED), light=LIGHTS["soft"])
            return render_scene(scene, model).image

        rest = picture(0, 0)
        neutrals = {width: _pose(analyzer, rest, width) for width in WIDTHS}
        for label, poses in POSES.items():
            for yaw, pitch in poses:
                image = picture(yaw, pitch)
                for width in WIDTHS:
                    neutral, read = neutrals[width], _pose(analyzer, image, width)
                    if neutral is None or read is None:
                        missed[width] += 1
                        continue
                    one = head_orientation([0.0], [read[0]], [read[1]], neutral=neutral)
                    found[width].append((label, one.label[0]))
                    errors[width].append((read[0] - neutral[0] - yaw, read[1] - neutral[1] - pitch))
    rows: list[tuple[Any, ...]] = []
    numbers: dict[str, Any] = {}
    for width, pairs in found.items():
        right = {name: float(np.mean([b == a for a, b in pairs if a == name])) for name in POSES}
        every = float(np.mean([a == b for a, b in pairs])) if pairs else float("nan")
        yaw, pitch = np.median(np.abs(errors[width]), 0)
        numbers[str(width)] = {
            "accuracy": every, "by_class": right, "missed": missed[width],
            "yaw_deg": float(yaw), "pitch_deg": float(pitch),
        }  # fmt: skip
        rows.append((
            f"{width} px", len(pairs), missed[width], f"{100 * every:.1f} %",
            *(f"{100 * right[name]:.0f} %" for name in POSES), f"{yaw:.1f}°", f"{pitch:.1f}°",
        ))  # fmt: skip
    columns = ("face", "heads", "missed", "right", *POSES, "yaw off", "pitch off")
    return Table(f"Head orientation of {people} rendered people, from pixels", columns, tuple(rows)), numbers


def _pose(analyzer: Analyzer, image: ImageArray, width: int) -> tuple[float, float] | None:
    """Yaw and pitch of the picture, its face made ``width`` px wide (an adult's width is 0.85 of its height)."""
    side = round(width / (0.85 * FILL))
    small = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    faces = analyzer(small)
    return (faces[0].pose.yaw, faces[0].pose.pitch) if faces else None
