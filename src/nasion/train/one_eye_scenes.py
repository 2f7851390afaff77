"""A phone's front camera sees synthetic people look at known places of its screen: eye crops, corners, centimetres.

Only the strip around the eyes is rendered. The same pictures serve people whose line of sight is off their eyes' axes:
only what they look at is then another place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from nasion.core import BoolArray, Camera, FloatArray, ImageArray, IntArray
from nasion.core.gaze import gaze_angles
from nasion.gaze.one_eye import CORNERS, PHONE, STORED, eye_view, phone_corners
from nasion.landmark.view import cut
from nasion.synth import HeadModel, HeadParameters, SceneOptions, place, render_scene, sample_scene

STRIP = (256, 128)  # px of what is rendered, about 2 px a mm
SCALE = (1.7, 2.3)  # px a mm
DISTANCE = (250.0, 430.0)  # mm
TURN = ((0, 8), (-4, 7), (0, 5))  # degrees, mean and spread of the head's yaw, pitch and roll
LIT = ((58.0, 71.0), (105.0, 150.0))  # mm, width and height of a phone's screen held upright
ABOVE = (4.0, 12.0)  # mm, the camera above the screen's edge
KAPPA = ((4.5, 1.6), (-1.5, 1.2))  # degrees, mean and spread: line of sight nasal and above of the eye's axis
OFF = 0.02  # of the eye's width, standard deviation of the corners that are found
SCENES = SceneOptions(size=STRIP, degrade=0.3)


@dataclass(frozen=True, slots=True, eq=False)
class PhoneSet:
    """N pictures of both eyes; the left eye first.

    Attributes:
        crops: (N, 2, STORED, STORED, 3) uint8 RGB, not mirrored; their middle 128 x 128 px is what is read in use.
        corners: (N, 2, 4) x, y of the outer and x, y of the inner corner over the width and height of ``PHONE``'s view.
        target: (N, 2) cm from the lens: to the right as the person sees the screen, and up.
        person: (N,) whose picture, ``dot`` (N,) which target of theirs.
        kappa: (N, 2) degrees, nasal and up, by which the line of sight is off the eyes' axes; 0 where it is not.
    """

    crops: ImageArray
    corners: FloatArray
    target: FloatArray
    person: IntArray
    dot: IntArray
    kappa: FloatArray

    def __len__(self) -> int:
        return len(self.person)

    def part(self, rows: IntArray | BoolArray) -> PhoneSet:
        """Some of the pictures."""
        return PhoneSet(*(getattr(self, f.name)[rows] for f in fields(self)))


def draw_phone_set(
    people: int,
    dots: int,
    frames: int = 1,
    *,
    seed: int = 0,
    sighted: bool = False,
    report: Callable[[float], None] | None = None,
) -> PhoneSet:
    """Render people who look at places of a screen.

    Args:
        people: how many.
        dots: places each looks at.
        frames: pictures a place, with the head and the face changed a little between them.
        seed: another seed, other people.
        sighted: whether each person's line of sight is off their eyes' axes by an angle of their own; else the axes
            themselves meet the target.
        report: called with the share done, 0..1.
    """
    model, rows = HeadModel.load(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eyes that turn as far as they can
        for who in range(people):
            rng = np.random.default_rng((seed, 41, who))
            person = sample_scene(rng, SCENES)
            kappa = np.array([rng.normal(*KAPPA[0]), rng.normal(*KAPPA[1])]) * float(sighted)
            screen = _screen(rng)
            for dot in range(dots):
                aim = screen[0] + (screen[1] - screen[0]) * rng.uniform(0.03, 0.97, 2)
                for _ in range(frames):
                    crops, corners = _picture(rng, person.head, aim, kappa, model)
                    cm = -aim / 10  # the camera's right is the looker's left, and y runs down in its frame
                    rows.append((crops, corners, cm, who, dot, kappa))
            if report:
                report((who + 1) / people)
    crops, corners, target, person_of, dot_of, kappas = (np.stack(column) for column in zip(*rows, strict=True))
    return PhoneSet(
        crops, corners.astype(np.float32), target.astype(np.float32), person_of, dot_of, kappas.astype(np.float32)
    )


def _screen(rng: np.random.Generator) -> FloatArray:
    """(2, 2) mm, x and y in the camera frame of two opposite corners: upright, or on its side with the camera there."""
    width, height, above = rng.uniform(*LIT[0]), rng.uniform(*LIT[1]), rng.uniform(*ABOVE)
    turn = rng.choice(3, p=(0.7, 0.15, 0.15))
    if turn == 0:
        return np.array([[-width / 2, above], [width / 2, above + height]])
    side = 1 if turn == 1 else -1
    return np.array([[side * above, -width / 2], [side * (above + height), width / 2]])


def _picture(
    rng: np.random.Generator, head: HeadParameters, aim: FloatArray, kappa: FloatArray, model: HeadModel
) -> tuple[ImageArray, FloatArray]:
    """Crops and corners of both eyes looking at ``aim``, mm in the plane of the lens."""
    scene = sample_scene(rng, SCENES)
    distance = rng.uniform(*DISTANCE)
    at = (float(rng.normal(0, 0.07) * distance), float(rng.normal(0.1, 0.08) * distance), float(distance))
    yaw, pitch, roll = (m + s * float(np.clip(rng.normal(), -2.5, 2.5)) for m, s in TURN)
    pose = place(yaw, pitch, roll, at)
    expression = {unit: pair for unit, pair in scene.head.expression.items() if unit not in (43, 45)}
    still = replace(head, expression=expression, pupil=scene.head.pupil)
    centres = np.stack([eye.centre for eye in model.eyes(still)])
    way = np.array([*aim, 0.0]) - (centres @ pose.camera_rotation.T + pose.translation)
    off = np.stack([kappa, kappa * (-1, 1)])  # nasal: to image-left of the left eye, to image-right of the right
    (ly, lp), (ry, rp) = (gaze_angles(way @ pose.camera_rotation) - off).tolist()
    still = replace(still, gaze=((ly, lp), (ry, rp)))
    middle = PHONE.project((centres.mean(0) @ pose.camera_rotation.T + pose.translation)[None])[0]
    zoom = float(rng.uniform(*SCALE)) * distance / PHONE.fx
    strip = Camera(
        PHONE.fx * zoom, PHONE.fy * zoom,
        (PHONE.cx - middle[0]) * zoom + STRIP[0] / 2, (PHONE.cy - middle[1]) * zoom + STRIP[1] / 2,
    )  # fmt: skip
    sample = render_scene(replace(scene, head=still, pose=pose, camera=strip, size=STRIP, occluders=()), model)
    corners = sample.truth.points[CORNERS].astype(np.float64)
    width = np.linalg.norm(corners[:, :1] - corners[:, 1:], axis=2)[..., None]
    found = corners + rng.normal(0, OFF, corners.shape) * width
    crops = np.stack([cut(sample.image, eye_view(ends, STORED), STORED) for ends in found])
    return crops, phone_corners(found, strip)
