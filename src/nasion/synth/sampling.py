"""Random scenes as photos have them, and rigs of several cameras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nasion.core import Camera, FloatArray, InputError, Pose
from nasion.core.geometry.rotation import angles_to_rotation, rotation_to_angles
from nasion.core.pose import line_of_sight
from nasion.synth.background import BACKGROUNDS
from nasion.synth.light import draw_light, light
from nasion.synth.model import HeadModel
from nasion.synth.occluders import OCCLUDERS, Occluder
from nasion.synth.parameters import (
    ACTION_UNITS,
    HAIR_COLOURS,
    HAIR_STYLES,
    IRIS_COLOURS,
    N_ALBEDO,
    N_IDENTITY,
    HeadParameters,
)
from nasion.synth.presets import EXPRESSIONS, expression
from nasion.synth.render import check_size
from nasion.synth.scene import FACE_MM, Look, Sample, Scene, place, render_scene

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What random scenes may look like. Ranges are (lowest, highest); equal ends fix the value.

    Attributes:
        yaw, pitch, roll: degrees relative to the line of sight, within -90..90. Drawn with most weight on the middle.
        size: (width, height) px.
        fill: forehead to chin over the picture's shorter side.
        field_of_view: degrees over the longer side.
        tone: on the Monk scale, 1..10.
        expression: a name, ``"random"`` (any, or loose action units), or None for mostly neutral faces as in photos.
        light: a name of ``LIGHTS`` or ``"random"``.
        background: a name of ``BACKGROUNDS`` or ``"random"``.
        occlude: probability 0..1 that something hides part of the face.
        occluder: a name of ``OCCLUDERS`` or ``"random"``.
        degrade: probability 0..1 of visible blur, noise, compression or missing colour.
    """

    yaw: Range = (-40.0, 40.0)
    pitch: Range = (-20.0, 20.0)
    roll: Range = (-15.0, 15.0)
    size: tuple[int, int] = (256, 256)
    fill: Range = (0.5, 0.72)
    field_of_view: Range = (20.0, 60.0)
    tone: Range = (1.0, 10.0)
    expression: str | None = None
    light: str = "random"
    background: str = "random"
    occlude: float = 0.0
    occluder: str = "random"
    degrade: float = 0.3

    def __post_init__(self) -> None:
        """Check every range and name before anything is drawn."""
        check_size(*self.size)
        limits = {
            "yaw": (-90, 90), "pitch": (-90, 90), "roll": (-180, 180), "fill": (0.05, 3), "field_of_view": (5, 120),
            "tone": (1, 10),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            a, b = getattr(self, name)
            if not low <= a <= b <= high:
                raise InputError(f"{name} must be a range within {low:g}..{high:g}, lowest first; got {a:g}:{b:g}")
        for name in ("occlude", "degrade"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is a probability 0..1, got {getattr(self, name)}")
        if self.expression not in (None, "random"):
            expression(str(self.expression))
        if self.light != "random":
            light(self.light)
        for name, known in (("background", BACKGROUNDS), ("occluder", tuple(OCCLUDERS))):
            if getattr(self, name) not in (*known, "random"):
                raise InputError(f"there is no {name} {getattr(self, name)!r}; there are {', '.join(known)}, random")


def sample_scene(rng: np.random.Generator, options: SceneOptions | None = None) -> Scene:
    """Draw a scene.

    Args:
        rng: where chance comes from: the same state gives the same scene.
        options: what to draw from.
    """
    options = options or SceneOptions()
    width, height = options.size
    named, units = _expression(rng, options.expression)
    camera = Camera.for_image(width, height, rng.uniform(*options.field_of_view))
    depth = FACE_MM * camera.fx / (rng.uniform(*options.fill) * min(width, height))
    shift = rng.normal(0, 0.05, 2) * min(width, height) * depth / camera.fx
    yaw, pitch, roll = (_drawn(rng, limits) for limits in (options.yaw, options.pitch, options.roll))
    pose = place(yaw, pitch, roll, (float(shift[0]), float(shift[1]) - 0.04 * FACE_MM, depth))
    lamp = draw_light(rng) if options.light == "random" else light(options.light)
    kinds = tuple(OCCLUDERS) if options.occluder == "random" else (options.occluder,)
    occluders = []
    if rng.random() < options.occlude:
        occluders = [Occluder(str(rng.choice(kinds)), int(rng.integers(1 << 31)))]
    white = lamp.irradiance(np.array([[0.0, 0.0, -1.0]]))[0] + lamp.colour * max(0.0, float(-lamp.direction[2]))
    head = sample_head(rng, units, options.tone)
    metered = float(white @ (0.2126, 0.7152, 0.0722)) ** -0.75 * np.exp(0.1 * (head.tone - 4.5))  # darker skin, longer
    exposure = float(np.clip(metered * np.exp(rng.normal(-0.1, 0.2)), 0.3, 4))
    return Scene(
        head=head,
        pose=pose,
        camera=camera,
        size=options.size,
        light=lamp,
        occluders=tuple(occluders),
        background=str(rng.choice(BACKGROUNDS)) if options.background == "random" else options.background,
        look=_look(rng, exposure, options.degrade, min(width, height)),
        expression=named,
        seed=int(rng.integers(1 << 31)),
    )


def synth_batch(
    count: int, seed: int, options: SceneOptions | None = None, model: HeadModel | None = None, *, views: int = 1
) -> Iterator[Sample]:
    """Random samples, one by one. Sample ``i`` of a seed is the same however many are asked for.

    Args:
        count: how many.
        seed: 0 or more.
        options: what to draw from.
        model: the head, loaded when left out.
        views: how many samples in a row show the same person, each time with another pose, face and light. Painting a
            person costs as much as rendering two pictures, so a few views make large numbers cheaper.
    """
    model = model or HeadModel.load()
    person: HeadParameters | None = None
    for number in range(count):
        scene = sample_scene(np.random.default_rng((seed, number)), options)
        if views > 1:
            if number % views == 0 or person is None:
                person = scene.head
            head = replace(person, expression=scene.head.expression, gaze=scene.head.gaze, pupil=scene.head.pupil)
            scene = replace(scene, head=head)
        yield render_scene(scene, model)


def sample_head(
    rng: np.random.Generator, units: dict[int, tuple[float, float]] | None = None, tone: Range = (1.0, 10.0)
) -> HeadParameters:
    """A random person with the given action units: shape, skin, hair, make-up, gaze."""
    gaze = rng.normal(0, (9, 6))
    gaze = np.clip(gaze, (-30, -20), (30, 20))
    converge = float(rng.uniform(0, 2.5))
    painted = rng.random() < 0.3
    bearded = not painted and rng.random() < 0.35
    age = rng.beta(1.3, 2.2)
    dark = rng.uniform(*tone)
    colours = list(HAIR_COLOURS)
    # dark skin mostly has dark hair and eyes; grey comes with age
    weights = np.exp(-np.arange(len(colours)) * (0.12 + 0.14 * max(0.0, dark - 3)))
    weights[colours.index("grey")] = weights[colours.index("white")] = 0.6 * age**2
    fair = max(0.0, 1 - max(0.0, dark - 3) / 3)
    irises = np.array([1.0, 1.0, 0.6 * fair, 0.3 * fair, 0.7 * fair, 0.4 * fair])
    return HeadParameters(
        identity=np.clip(rng.normal(0, 0.9, N_IDENTITY), -2.6, 2.6).astype(np.float32),
        albedo=np.clip(rng.normal(0, 0.9, N_ALBEDO), -2.6, 2.6).astype(np.float32),
        expression=units or {},
        gaze=((float(gaze[0] + converge), float(gaze[1])), (float(gaze[0] - converge), float(gaze[1]))),
        tone=dark,
        iris=str(rng.choice(list(IRIS_COLOURS), p=irises / irises.sum())),
        pupil=float(rng.uniform(2.5, 6)),
        hair=str(rng.choice(HAIR_STYLES)),
        hair_colour=str(rng.choice(colours, p=weights / weights.sum())),
        brow_weight=float(rng.uniform(0.5, 1.4)),
        lip_colour=float(rng.uniform(0.3, 1)) if painted else 0.0,
        eye_shadow=float(rng.uniform(0, 0.9)) if painted else 0.0,
        blush=float(rng.uniform(0, 0.6)) if painted else 0.0,
        stubble=float(rng.uniform(0.1, 1)) if bearded else 0.0,
        wrinkles=float(age),
        freckles=float(rng.uniform(0, 0.9)) if rng.random() < 0.15 * fair else 0.0,
        detail=float(rng.uniform(0.6, 1.4)),
        seed=int(rng.integers(1 << 31)),
    )


def stereo(scene: Scene, baseline_mm: float = 60.0) -> tuple[Scene, Scene]:
    """The same instant seen by a second camera that stands to the right of the first, parallel to it.

    Args:
        scene: as the left camera sees it.
        baseline_mm: distance between the cameras, above 0.

    Returns:
        The left and the right camera's scenes; a point at depth z moves left by ``fx * baseline_mm / z`` px.
    """
    if not 0 < baseline_mm <= 1000:
        raise InputError(f"the baseline of a stereo rig must be above 0 and at most 1000 mm, got {baseline_mm}")
    x, y, z = scene.pose.translation
    return scene, replace(scene, pose=posed(scene.pose.camera_rotation, (x - baseline_mm, y, z)))


def posed(rotation: FloatArray, translation: tuple[float, float, float]) -> Pose:
    """The pose of a head with this (3, 3) rotation to the camera frame at this place, mm."""
    yaw, pitch, roll = rotation_to_angles(line_of_sight(np.array(translation)).T @ rotation)
    return place(yaw, pitch, roll, translation)


def turned(pose: Pose, yaw: float, pitch: float, roll: float) -> Pose:
    """The pose after a further turn of the head about its own axes, degrees."""
    return posed(pose.camera_rotation @ angles_to_rotation(yaw, pitch, roll), pose.translation)


def _drawn(rng: np.random.Generator, limits: Range) -> float:
    """A number between limits: half evenly, half from a bell around the middle."""
    low, high = limits
    middle, half = (low + high) / 2, (high - low) / 2
    if rng.random() < 0.5:
        return float(rng.uniform(low, high))
    return float(np.clip(rng.normal(middle, 0.4 * half), low, high))


def _expression(rng: np.random.Generator, wanted: str | None) -> tuple[str, dict[int, tuple[float, float]]]:
    if wanted not in (None, "random"):
        return str(wanted), expression(str(wanted), float(rng.uniform(0.5, 1)))
    chance = rng.random()
    if wanted is None and chance < 0.4:
        return "neutral", {}
    if chance < 0.75:
        name = str(rng.choice([n for n in EXPRESSIONS if n != "neutral"], p=[0.46, 0.09, 0.09, 0.09, 0.09, 0.09, 0.09]))
        return name, expression(name, float(rng.uniform(0.3, 1)))
    units = rng.choice([unit for unit in ACTION_UNITS if unit not in (43, 45)], rng.integers(1, 5), replace=False)
    loose = {int(unit): float(rng.uniform(0.2, 1)) for unit in units}
    pairs = {unit: (v, v) if rng.random() < 0.7 else (v, v * float(rng.uniform(0, 1))) for unit, v in loose.items()}
    if rng.random() < 0.25:
        pairs[43] = (1.0, 1.0) if rng.random() < 0.6 else (float(rng.uniform(0.2, 1)),) * 2
    return "custom", pairs


def _look(rng: np.random.Generator, exposure: float, degrade: float, side: int) -> Look:
    if rng.random() >= degrade:
        return Look(exposure, blur=float(rng.uniform(0.2, 0.6)), noise=float(rng.uniform(0.3, 1.8)), jpeg=None)
    return Look(
        exposure * float(np.exp(rng.normal(0, 0.25))),
        blur=float(rng.choice([0.4, rng.uniform(0.4, 0.009 * side + 0.4)])),
        noise=float(rng.choice([1.0, rng.uniform(1, 12)])),
        jpeg=int(rng.integers(18, 90)),
        grey=bool(rng.random() < 0.25),
    )
