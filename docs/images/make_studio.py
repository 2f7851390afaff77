"""Take the pictures of the page on the studio, and make the picture that the studio offers to look at.

python docs/images/make_studio.py [--heads]

The person before the camera, and those on the picture, are rendered.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nasion.media import write_image
from nasion.report.bench.studio_clips import LAPTOP, frames, person, sitting, write_y4m
from nasion.report.bench.studio_room import Room, serving, visiting
from nasion.synth import HeadModel, SceneOptions, render_scene, sample_scene

HERE = Path(__file__).parent
HEADS = HERE.parents[1] / "web" / "public" / "pictures" / "heads.jpg"
SEEDS = (1, 2, 3, 4, 5, 6, 7, 16)
EXPRESSIONS = ("happy", "neutral", "surprised", "neutral", "happy", "neutral", "neutral", "happy")
TONES = ((1, 3), (6, 8), (3, 5), (9, 10))
FPS, SIZE = 15.0, (640, 480)
JPEG: Any = {"type": "jpeg", "quality": 90}


def heads() -> None:
    """Two rows of four faces of nobody, 1600 x 900."""
    model, tiles = HeadModel.load(), []
    for i, seed in enumerate(SEEDS):
        options = SceneOptions(
            yaw=(-28, 28), pitch=(-6, 6), roll=(-5, 5), size=(400, 450), light="studio", background="gradient",
            degrade=0, fill=(0.56, 0.6), field_of_view=(25, 25), expression=EXPRESSIONS[i], tone=TONES[i % 4],
        )  # fmt: skip
        tiles.append(render_scene(sample_scene(np.random.default_rng((900, seed)), options), model).image)
    sheet = np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])])
    cv2.imwrite(str(HEADS), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


def shots() -> None:
    """Live in dark and light, a calibration's result, and a heat map."""
    script = sitting()
    with tempfile.TemporaryDirectory() as scratch:
        clip, photo = Path(scratch) / "clip.y4m", Path(scratch) / "photo.png"
        pictures = list(frames(script, person(SIZE), HeadModel.load(), FPS))
        write_image(photo, pictures[0])
        write_y4m(clip, pictures, FPS)
        with serving() as address, visiting(address, clip, size=(1280, 860)) as page:
            room = Room(page, script.seconds)
            room.ready()
            room.keep_up(photo, clip, FPS)
            room.start_camera()
            room.calibrate(script.calibration_s, LAPTOP.width_mm / 10)
            page.locator("#calibration-result").screenshot(path=HERE / "studio_calibration.png")
            room.look_round(script.viewing_s, script.seconds - script.viewing_s - 0.8)
            page.click("#tab-live")
            room.see_through()
            page.screenshot(path=HERE / "studio_live_dark.jpg", **JPEG)
            page.emulate_media(color_scheme="light")
            room.wait(1)
            page.screenshot(path=HERE / "studio_live_light.jpg", **JPEG)
            page.click("#tab-gaze")
            page.locator("#gaze-result").screenshot(path=HERE / "studio_gaze.jpg", **JPEG)


if __name__ == "__main__":
    heads() if "--heads" in sys.argv else shots()
