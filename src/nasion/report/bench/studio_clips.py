"""Clips for a browser's fake camera: a rendered person who blinks, and one who looks where a screen says.

Chromium plays an .mjpeg file (JPEG pictures one after the other) as its camera, at 30 frames per second, over and over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Camera, ImageArray
from nasion.core.gaze import gaze_angles
from nasion.gaze.screen import Screen
from nasion.gaze.targets import CAPTURE_S, SETTLE_S, calibration_points
from nasion.synth import HeadModel, Scene, render_scene
from nasion.synth.light import light
from nasion.synth.sampling import SceneOptions, sample_scene
from nasion.synth.scene import place

FPS = 30.0  # what Chromium plays .mjpeg at
PERSON = (71, 8)  # seed and number of somebody whose eyes are easy to see
LAPTOP = Screen(310, 174)
AWAY_MM = 480.0
REACTION_S = 0.25  # eyes set out this long after a target has jumped
CLOSING_S, CLOSED_S, REOPENING_S = 0.1, 0.05, 0.2  # as in nasion.synth.motion
SPOT = 24  # px, side of the mark in the lower left corner whose grey level tells how far the clip is
QUALITY = 88


@dataclass(frozen=True, slots=True)
class Script:
    """What a rendered person does.

    Attributes:
        seconds: length of the clip.
        looks: (start s, x, y), fractions of the screen; each holds until the next.
        blinks: start of each, s.
    """

    seconds: float
    looks: tuple[tuple[float, float, float], ...]
    blinks: tuple[float, ...]


def blinking(seconds: float = 10.0) -> Script:
    """Looks into the camera and blinks about every two seconds, the first time after one and a half."""
    starts = np.arange(1.5, seconds - 0.8, 1.9) + 0.2 * np.sin(np.arange(len(np.arange(1.5, seconds - 0.8, 1.9))))
    return Script(seconds, ((0.0, 0.5, -0.03),), tuple(starts.tolist()))


@dataclass(frozen=True, slots=True)
class Sitting:
    """A calibration with nine points, a pause, and a free look round; when each begins, s."""

    script: Script
    calibration_s: float
    viewing_s: float
    viewed: tuple[tuple[float, float], ...]


def sitting(viewed: Sequence[tuple[float, float]], *, lead: float = 2.5, pause: float = 4.0) -> Sitting:
    """Follows the nine targets of a calibration, then looks at ``viewed`` for 0.9 s each."""
    targets = calibration_points(9)
    step = SETTLE_S + CAPTURE_S
    looks = [(0.0, 0.5, 0.5)]
    looks += [(lead + REACTION_S + i * step, float(x), float(y)) for i, (x, y) in enumerate(targets)]
    done = lead + len(targets) * step
    looks.append((done + REACTION_S, 0.5, 0.5))
    start = done + pause
    looks += [(start + 0.9 * i, x, y) for i, (x, y) in enumerate(viewed)]
    end = start + 0.9 * len(viewed) + 0.5
    blinks = (lead + 3.3, lead + 7.4, lead + 13.2, done + 1.2, start + 3.0)
    return Sitting(Script(end, tuple(looks), tuple(b for b in blinks if b < end - 0.5)), lead, start, tuple(viewed))


def person(size: tuple[int, int], who: tuple[int, int] = PERSON) -> Scene:
    """Somebody before a laptop's camera whose field of view is 60 degrees, which is what nasion assumes of any."""
    options = SceneOptions(
        yaw=(0, 0), pitch=(0, 0), roll=(0, 0), size=size, light="studio", background="indoor", degrade=0,
        expression="neutral", fill=(0.55, 0.6),
    )  # fmt: skip
    scene = sample_scene(np.random.default_rng(who), options)
    head = replace(scene.head, iris="blue" if scene.head.tone < 4 else scene.head.iris)
    return replace(
        scene, head=head, camera=Camera.for_image(*size, 60.0), light=light("studio"),
        pose=place(0, 0, 0, (4.0, 14.0, AWAY_MM)),
    )  # fmt: skip


def frames(script: Script, scene: Scene, model: HeadModel) -> Iterator[ImageArray]:
    """The pictures of a clip, (H, W, 3) uint8; equal states are rendered once."""
    known: dict[tuple[float, ...], ImageArray] = {}
    count = round(script.seconds * FPS)
    for number in range(count):
        time = number / FPS
        look = [at for at in script.looks if at[0] <= time + 1e-9][-1][1:]
        shut = round(max((_shut(time - start) for start in script.blinks), default=0.0), 2)
        sway = round(0.8 * np.sin(2 * np.pi * time / 5.1))  # degrees: nobody sits quite still
        state = (*look, shut, sway)
        if state not in known:
            known[state] = render_scene(_posed(scene, model, look, shut, sway), model).image
        image = known[state].copy()
        image[-SPOT:, :SPOT] = round(255 * number / (count - 1))
        yield image


def write_mjpeg(path: Path, pictures: Iterator[ImageArray]) -> int:
    """Write the pictures for Chromium's fake camera; returns how many."""
    count = 0
    with path.open("wb") as out:
        for image in pictures:
            flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
            out.write(cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1].tobytes())
            count += 1
    return count


@cache
def head_model() -> HeadModel:
    """The model, loaded once."""
    return HeadModel.load()


def _posed(scene: Scene, model: HeadModel, look: Sequence[float], shut: float, sway: int) -> Scene:
    """The person looks at a place on the screen, both eyes at the same; the head goes an eighth of the way."""
    at = np.array([*LAPTOP.to_mm(np.array(look)), 0.0])
    way = gaze_angles(at - np.array(scene.pose.translation))
    turn = way / 8 + (0.6 * sway, 0.0)
    posed = replace(scene, pose=place(float(turn[0]), float(turn[1]), 0.0, scene.pose.translation))
    rotation = posed.pose.camera_rotation
    starts = (rotation @ eye.centre + np.array(scene.pose.translation) for eye in model.eyes(scene.head))
    (left_yaw, left_pitch), (right_yaw, right_pitch) = (gaze_angles((at - start) @ rotation) for start in starts)
    gaze = ((float(left_yaw), float(left_pitch)), (float(right_yaw), float(right_pitch)))
    units = {**scene.head.expression, 45: shut} if shut else dict(scene.head.expression)
    return replace(posed, head=replace(scene.head, gaze=gaze, expression=units))


def _shut(since: float) -> float:
    """How far lids are shut, 0..1, this long after a blink's start."""
    down = _ease(since / CLOSING_S)
    up = _ease((since - CLOSING_S - CLOSED_S) / REOPENING_S)
    return float(down * (1 - up))


def _ease(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)
