"""Draw the sheets of the chapter on the synthetic head: every slider, one picture each; nothing retouched.

python docs/images/make_synth.py
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nasion.core import ImageArray, Landmarks
from nasion.core import scheme as scheme_of
from nasion.media import write_image
from nasion.pipeline.head_fit import neutral
from nasion.report.bench.synth_sheets import draws
from nasion.synth.background import BACKGROUNDS
from nasion.synth.events import EventCamera, event_frame
from nasion.synth.fit import fit_points
from nasion.synth.fit_skin import fit_pixels
from nasion.synth.light import LIGHTS
from nasion.synth.model import HeadModel
from nasion.synth.motion import motion
from nasion.synth.occluders import OCCLUDERS, Occluder
from nasion.synth.parameters import ACTION_UNITS, HAIR_COLOURS, HAIR_STYLES, IRIS_COLOURS, HeadParameters
from nasion.synth.presets import EXPRESSIONS, expression
from nasion.synth.sampling import SceneOptions, sample_head, synth_batch
from nasion.synth.scene import Look, Scene, place, portrait, render_scene

HERE = Path(__file__).parent / "synth"
SIZE = 160  # px of a face on a sheet
INK, PAPER = (40, 40, 40), 250

MODEL = HeadModel.load()
PERSON = replace(
    sample_head(np.random.default_rng(12)),
    expression={},
    gaze=((0.0, 0.0), (0.0, 0.0)),
    tone=4.0,
    hair="short",
    stubble=0.0,
    lip_colour=0.0,
    eye_shadow=0.0,
    blush=0.0,
    wrinkles=0.1,
    freckles=0.0,
)


def scene(
    head: HeadParameters = PERSON, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, **changes: object
) -> Scene:
    """The same portrait with one thing changed."""
    camera, depth = portrait((SIZE, SIZE), fill=0.66)
    base = Scene(
        head, place(yaw, pitch, roll, (0.0, -12.0, depth)), camera, (SIZE, SIZE), LIGHTS["studio"],
        look=Look(exposure=0.95), seed=16,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]  # any field


def close(scene: Scene) -> Scene:
    """The same scene seen through a longer lens, on the subject's right eye."""
    camera = replace(scene.camera, fx=4.2 * scene.camera.fx, fy=4.2 * scene.camera.fy)
    x, y, z = scene.pose.translation
    return replace(scene, camera=camera, pose=replace(scene.pose, translation=(x + 31, y + 12, z)))


def sheet(name: str, pictures: dict[str, ImageArray], columns: int) -> None:
    """Pictures with their names below, as JPEG."""
    cells, strip = [], 22
    for label, picture in pictures.items():
        cell = np.full((picture.shape[0] + strip, picture.shape[1], 3), PAPER, np.uint8)
        cell[: picture.shape[0]] = picture
        width = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0]
        at = ((picture.shape[1] - width) // 2, picture.shape[0] + 15)
        cv2.putText(cell, label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
        cells.append(cell)
    while len(cells) % columns:
        cells.append(np.full_like(cells[0], PAPER))
    rows = [np.concatenate(cells[start : start + columns], axis=1) for start in range(0, len(cells), columns)]
    write_image(HERE / f"{name}.jpg", np.concatenate(rows), quality=84)


def image(scene: Scene) -> ImageArray:
    """Its pixels."""
    return render_scene(scene, MODEL).image


def units() -> dict[str, ImageArray]:
    """Each action unit at full intensity."""
    return {f"AU {u}": image(scene(replace(PERSON, expression={u: 1.0}))) for u in ACTION_UNITS}


def skin() -> dict[str, ImageArray]:
    """What is painted on."""
    changes = {
        "brow weight 0": {"brow_weight": 0.0}, "brow weight 1.5": {"brow_weight": 1.5},
        "lip colour 1": {"lip_colour": 1.0},
        "eye shadow 1": {"eye_shadow": 1.0}, "blush 1": {"blush": 1.0}, "stubble 1": {"stubble": 1.0},
        "wrinkles 1": {"wrinkles": 1.0}, "freckles 1": {"freckles": 1.0, "tone": 2.0},
    }  # fmt: skip
    return {label: image(scene(replace(PERSON, **change))) for label, change in changes.items()}


def skins() -> dict[str, ImageArray]:
    """Skin components at both ends, and the fine grain."""
    found = {}
    for k in range(4):
        for value in (-2.5, 2.5):
            code = np.zeros(k + 1, np.float32)
            code[k] = value
            found[f"albedo {k}: {value:+.1f}"] = image(scene(replace(PERSON, albedo=code)))
    for detail in (0.0, 2.0):
        found[f"detail {detail:.0f}"] = image(scene(replace(PERSON, detail=detail)))
    return found | {f"seed {seed}": image(scene(replace(PERSON, seed=seed, detail=2.0))) for seed in (1, 2)}


def camera() -> dict[str, ImageArray]:
    """What the camera makes of it, how much of the picture the face fills, what stands behind."""
    looks = {
        "exposure 0.4": Look(exposure=0.4), "exposure 2": Look(exposure=2.0), "blur 2 px": Look(blur=2.0),
        "noise 14": Look(noise=14.0), "jpeg 12": Look(jpeg=12), "grey": Look(grey=True),
    }  # fmt: skip
    found = {name: image(scene(look=look)) for name, look in looks.items()}
    for fill, view in ((0.4, 25.0), (0.8, 25.0), (0.66, 8.0), (0.66, 80.0)):
        lens, depth = portrait((SIZE, SIZE), fill=fill, field_of_view=view)
        found[f"fill {fill:g}, view {view:.0f}"] = image(scene(camera=lens, pose=place(0, 0, 0, (0.0, -12.0, depth))))
    return found | {name: image(scene(background=name)) for name in BACKGROUNDS}


def refits() -> dict[str, ImageArray]:
    """Renders, the head laid on their true points and pixels, and that head at rest."""
    options = SceneOptions(size=(SIZE, SIZE), fill=(0.6, 0.66), yaw=(-30, 30), degrade=0.0, expression="random")
    found: dict[str, ImageArray] = {}
    for number, sample in enumerate(synth_batch(4, 5, options, MODEL)):
        points = Landmarks.from_points(sample.truth.points, scheme_of("dense478"), 0.5)
        fit = fit_pixels(sample.image, fit_points(points, sample.truth.camera, MODEL), points.visibility, MODEL)
        found[f"render {number}"] = sample.image
        found[f"its fit, tone {fit.head.tone:.1f} ({sample.truth.tone:.1f})"] = image(
            fit.scene(sample.truth.camera, (SIZE, SIZE))
        )
        found[f"at rest {number}"] = neutral(fit, SIZE, MODEL)
    return found


def lids_and_gaze() -> dict[str, ImageArray]:
    """One eye from near: opening in degrees, gaze, iris, pupil."""
    found = {
        f"lids {d}": image(close(scene(replace(PERSON, lids=(d, d))))) for d in (0.0, 10.0, 20.0, 30.0, 40.0, 55.0)
    }
    for yaw, pitch in ((-25.0, 0.0), (25.0, 0.0), (0.0, 18.0), (0.0, -18.0)):
        head = replace(PERSON, gaze=((yaw, pitch), (yaw, pitch)))
        found[f"gaze {yaw:+.0f}, {pitch:+.0f}"] = image(close(scene(head)))
    for pupil in (2.0, 7.0):
        found[f"pupil {pupil:.0f} mm"] = image(close(scene(replace(PERSON, pupil=pupil, iris="blue"))))
    for iris in IRIS_COLOURS:
        found[iris.replace("_", " ")] = image(close(scene(replace(PERSON, iris=iris))))
    return found


def maps() -> dict[str, ImageArray]:
    """What is known of every pixel, and of every point."""
    sample = render_scene(scene(yaw=25.0, occluders=(Occluder("hand", 9),)), MODEL)
    drawn = sample.render
    near, far = np.percentile(drawn.depth[np.isfinite(drawn.depth)], (1, 99))
    depth = np.clip(255 * (far - np.where(np.isfinite(drawn.depth), drawn.depth, far)) / (far - near), 0, 255)
    colours = np.random.default_rng(1).integers(40, 255, (32, 3)).astype(np.uint8)
    colours[0] = 0
    points = cv2.resize(sample.image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    for (x, y), seen in zip(sample.truth.points, sample.truth.visibility, strict=True):
        colour = ((90, 90, 90), (235, 140, 30), (60, 200, 90))[seen]
        cv2.circle(points, (round(3 * x + 1), round(3 * y + 1)), 2, colour, -1, cv2.LINE_AA)
    return {
        "picture": sample.image,
        "points": np.asarray(cv2.resize(points, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8),
        "depth": np.repeat(depth.astype(np.uint8)[..., None], 3, axis=2),
        "normals": np.where(drawn.mesh[..., None] >= 0, 127.5 - 127.5 * drawn.normals, 0).astype(np.uint8),
        "albedo": (255 * np.clip(drawn.albedo, 0, 1) ** (1 / 2.2)).astype(np.uint8),
        "regions": colours[sample.regions],
        "occluder": np.repeat((255 * (sample.occluder >= 0)).astype(np.uint8)[..., None], 3, axis=2),
    }


def blink() -> dict[str, ImageArray]:
    """A blink and its events."""
    base = scene()
    clip = motion("blink", 1.2, 100, np.random.default_rng(4), base=base)
    sensor, found = EventCamera(seed=1), {}
    wanted = {clip.phase["blink"].index(p) + k: p for p, k in (("closing", 5), ("closed", 2), ("reopening", 9))}
    for frame in range(max(wanted) + 1):
        sample = render_scene(clip.scene(base, frame), MODEL)
        light = sample.render.linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        events = sensor.feed(light, round(clip.time_s[frame] * 1e6))
        if frame in wanted:
            found[f"{wanted[frame]}, {1000 * clip.time_s[frame]:.0f} ms"] = sample.image
            found[f"its events, {len(events)}"] = event_frame(events, (SIZE, SIZE))
    return found


def main() -> None:
    """Draw all sheets."""
    people = SceneOptions(size=(SIZE, SIZE), fill=(0.62, 0.72), degrade=0.0, occlude=0.0)
    sheet("people", {str(i): s.image for i, s in enumerate(synth_batch(18, 3, people, MODEL))}, 6)
    named = {n: image(scene(replace(PERSON, expression=expression(n)))) for n in EXPRESSIONS}
    sheet("expressions", named, 4)
    sheet("units", units(), 6)
    sheet("tones", {f"tone {t}": image(scene(replace(PERSON, tone=float(t)))) for t in range(1, 11)}, 5)
    sheet("lights", {n: image(scene(light=lamp)) for n, lamp in LIGHTS.items()}, 5)
    sheet("turns", {f"yaw {y:+d}": image(scene(yaw=y)) for y in (-90, -60, -30, 30, 60, 90)}
          | {f"pitch {p:+d}": image(scene(pitch=p)) for p in (-40, -20, 20, 40)}
          | {f"roll {r:+d}": image(scene(roll=r)) for r in (-30, 30)}, 6)  # fmt: skip
    sheet("occluders", {f"{kind} {seed}": image(scene(yaw=12.0 * (seed - 2), occluders=(Occluder(kind, seed),)))
                        for seed in (1, 3) for kind in OCCLUDERS}, len(OCCLUDERS))  # fmt: skip
    sheet("eyes", lids_and_gaze(), 6)
    sheet("skin", skin(), 4)
    hair = {f"{h}": image(scene(replace(PERSON, hair=h), yaw=25.0)) for h in HAIR_STYLES}
    sheet("hair", hair | {c.replace("_", " "): image(scene(replace(PERSON, hair_colour=c), yaw=25.0))
                          for c in HAIR_COLOURS}, 6)  # fmt: skip
    identities = {}
    for k in range(4):
        for value in (-2.5, 2.5):
            code = np.zeros(k + 1, np.float32)
            code[k] = value
            identities[f"identity {k}: {value:+.1f}"] = image(scene(replace(PERSON, identity=code), yaw=20.0))
    sheet("identity", identities, 4)
    sheet("skins", skins(), 6)
    sheet("jaw", {f"jaw {d}": image(scene(replace(PERSON, jaw=float(d)))) for d in (0, 8, 16, 24, 30)}, 5)
    sheet("camera", camera(), 6)
    sheet("draws", {str(i): picture for i, picture in enumerate(draws(MODEL))}, 10)
    sheet("refits", refits(), 6)
    sheet("maps", maps(), 7)
    sheet("blink", blink(), 6)


if __name__ == "__main__":
    main()
