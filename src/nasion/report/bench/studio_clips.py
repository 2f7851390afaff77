"""Clips for a browser's fake camera: a rendered person who blinks, and looks where a screen says.

Chromium takes a .y4m file as its camera, at the file's own rate, over and over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
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

PERSON = (71, 8)  # seed and number of somebody whose eyes are easy to see
LAPTOP = Screen(310, 174)
AWAY_MM = 480.0
REACTION_S = 0.25  # eyes set out this long after a target has jumped
FIXATION_S = 0.9  # on each thing while looking round
CLOSING_S, CLOSED_S, REOPENING_S = 0.1, 0.05, 0.2  # as in nasion.synth.motion
SWAY_S = 5.1  # nobody sits quite still
MARK = 4  # px, side of the mark in the lower left corner whose grey level tells how far the clip is
LOOKED_AT = ((0.16, 0.26), (0.4, 0.3), (0.62, 0.3), (0.84, 0.28), (0.84, 0.76), (0.6, 0.78), (0.38, 0.78))


@dataclass(frozen=True, slots=True)
class Sitting:
    """Somebody before the camera: waits, follows the nine targets of a calibration, waits, looks round.

    Attributes:
        seconds: length of the clip.
        calibration_s, viewing_s: when the first target appears, and when the looking round begins.
        looks: (start s, x, y), fractions of the screen; each holds until the next.
        blinks: start of each, s.
    """

    seconds: float
    calibration_s: float
    viewing_s: float
    looks: tuple[tuple[float, float, float], ...]
    blinks: tuple[float, ...]


def sitting(viewed: Sequence[tuple[float, float]] = LOOKED_AT, *, lead: float = 4.0, pause: float = 4.0) -> Sitting:
    """A whole visit to the studio, blinks in every part of it."""
    targets, step = calibration_points(9), SETTLE_S + CAPTURE_S
    done = lead + len(targets) * step
    start = done + pause
    looks = [(0.0, 0.5, 0.5)]
    looks += [(lead + REACTION_S + i * step, float(x), float(y)) for i, (x, y) in enumerate(targets)]
    looks.append((done + REACTION_S, 0.5, 0.5))
    looks += [(start + FIXATION_S * i, x, y) for i, (x, y) in enumerate(viewed)]
    end = start + FIXATION_S * len(viewed) + 0.5
    blinks = (1.6, lead + 4.1, lead + 8.2, lead + 14.15, done + 1.3, start + 0.5 * (end - start))
    return Sitting(end, lead, start, tuple(looks), blinks)


def person(size: tuple[int, int], who: tuple[int, int] = PERSON) -> Scene:
    """Somebody before a laptop's camera whose field of view is 60 degrees, which is what nasion assumes of any."""
    options = SceneOptions(
        yaw=(0, 0), pitch=(0, 0), roll=(0, 0), size=size, light="studio", background="indoor", degrade=0,
        expression="neutral", fill=(0.55, 0.6),
    )  # fmt: skip
    scene = sample_scene(np.random.default_rng(who), options)
    return replace(
        scene, camera=Camera.for_image(*size, 60.0), light=light("studio"), pose=place(0, 0, 0, (4.0, 14.0, AWAY_MM))
    )


def frames(script: Sitting, scene: Scene, model: HeadModel, fps: float, *, marked: bool = True) -> Iterator[ImageArray]:
    """The pictures of a clip, (H, W, 3) uint8; equal states are rendered once."""
    known: dict[tuple[float, ...], ImageArray] = {}
    count = round(script.seconds * fps)
    for number in range(count):
        time = number / fps
        look = [at for at in script.looks if at[0] <= time + 1e-9][-1][1:]
        shut = round(max((_shut(time - start) for start in script.blinks), default=0.0), 2)
        sway = round(0.8 * np.sin(2 * np.pi * time / SWAY_S))
        state = (*look, shut, sway)
        if state not in known:
            known[state] = render_scene(_posed(scene, model, look, shut, sway), model).image
        image = known[state].copy()
        if marked:
            image[-MARK:, :MARK] = round(255 * number / (count - 1))
        yield image


def write_y4m(path: Path, pictures: Iterable[ImageArray], fps: float) -> int:
    """Write the pictures (even sides) for Chromium's fake camera; returns how many there are."""
    count = 0
    with path.open("wb") as out:
        for image in pictures:
            if not count:
                height, width = image.shape[:2]
                out.write(f"YUV4MPEG2 W{width} H{height} {_rate(fps)} Ip A1:1 C420\n".encode())
            out.write(b"FRAME\n" + cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).tobytes())
            count += 1
    return count


def set_rate(path: Path, fps: float) -> None:
    """Have a clip that `write_y4m` wrote play at another rate."""
    with path.open("r+b") as file:
        head = file.readline().split()
        head[3] = _rate(fps).encode()
        file.seek(0)
        file.write(b" ".join(head) + b"\n")


def _rate(fps: float) -> str:
    rate = Fraction(fps).limit_denominator(9999)
    return f"F{rate.numerator:04d}:{rate.denominator:04d}"  # always as long, so that it can be replaced in place


def _posed(scene: Scene, model: HeadModel, look: Sequence[float], shut: float, sway: int) -> Scene:
    """Both eyes look at a place on the screen; the head goes an eighth of the way."""
    translation = np.array(scene.pose.translation)
    at = np.array([*LAPTOP.to_mm(np.array(look)), 0.0])
    yaw, pitch = gaze_angles(at - translation) / 8
    posed = replace(scene, pose=place(float(yaw) + 0.6 * sway, float(pitch), 0.0, scene.pose.translation))
    rotation = posed.pose.camera_rotation
    starts = (rotation @ eye.centre + translation for eye in model.eyes(scene.head))
    (left_yaw, left_pitch), (right_yaw, right_pitch) = (gaze_angles((at - start) @ rotation) for start in starts)
    gaze = ((float(left_yaw), float(left_pitch)), (float(right_yaw), float(right_pitch)))
    units = {**scene.head.expression, 45: shut} if shut else dict(scene.head.expression)
    return replace(posed, head=replace(scene.head, gaze=gaze, expression=units))


def _shut(since: float) -> float:
    """How far lids are shut, 0..1, this long after a blink's start."""
    return _ease(since / CLOSING_S) * (1 - _ease((since - CLOSING_S - CLOSED_S) / REOPENING_S))


def _ease(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)
