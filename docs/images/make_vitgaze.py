"""Draw the pictures of the page on gaze following: what a trained network says, nothing retouched.

python docs/images/make_vitgaze.py gaze.onnx [FOLDER for the large picture itself]

The file is one that ``nasion train vitgaze`` wrote. The first picture shows scenes of people it has not seen; the
second is a large one, drawn as ``nasion gaze follow --model gaze.onnx`` draws it.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import nasion
from nasion.core import Box, ImageArray
from nasion.gaze.following import GazeFollower, eye_middle
from nasion.media import contact_sheet, write_image
from nasion.media.look_drawing import draw_heat, draw_looks
from nasion.synth import HeadModel, SceneOptions, synth_batch
from nasion.train.gaze_scenes import SIDE, draw_thing, render_heads
from nasion.train.vitgaze import make_scenes

HERE = Path(__file__).parent
SHOWN, LARGE, HEAD = 12, 960, 340  # scenes; px of the large picture and of each of its heads


def scenes(follower: GazeFollower) -> ImageArray:
    """Scenes with the map and its peak."""
    sheet, large = [], 5
    for scene in make_scenes(render_heads(4, 4_242), SHOWN, 5):
        found = follower.read(scene.image, [Box(*scene.heads[0].tolist())])[0]
        big = cv2.resize(scene.image, (large * SIDE, large * SIDE), interpolation=cv2.INTER_CUBIC)
        eyes, point = ((np.asarray(at) + 0.5) * large - 0.5 for at in (scene.eyes, found.point))
        sheet.append(draw_looks(draw_heat(np.asarray(big), found.heatmap, 0.5), [eyes], [point], [found.inside]))
    return contact_sheet(sheet, columns=6, cell=220)


def large_picture() -> ImageArray:
    """Two heads, an object where each of them looks, and two where nobody does."""
    options = SceneOptions(
        yaw=(35, 50), pitch=(-8, 8), roll=(-5, 5), size=(HEAD, HEAD), fill=(0.42, 0.44), background="plain", degrade=0.0
    )
    picture = np.full((LARGE, LARGE, 3), (104.0, 122.0, 138.0), np.float32)
    samples = list(synth_batch(2, 77, options, HeadModel.load()))
    for sample, (left, top), flip in zip(samples, ((600, 60), (20, 540)), (1, -1), strict=True):
        image, cover = (layer[:, ::flip] for layer in (sample.image, sample.render.coverage[..., None]))
        area = picture[top : top + HEAD, left : left + HEAD]
        area[:] = area * (1 - cover) + image * cover
    faces = sorted(
        nasion.Analyzer(tasks=("landmarks",))(picture.astype(np.uint8)), key=lambda face: -face.box.center[0]
    )
    places = [np.array((480.0, 70.0)), np.array((860.0, 500.0))]
    for sample, face, flip in zip(samples, faces, (1, -1), strict=True):
        look = sample.truth.gaze.mean(0)[:2] * (flip, 1)
        places.append(eye_middle(face) + 430 * look / np.hypot(*look))
    rng = np.random.default_rng(8)
    for at in places:
        picture = draw_thing(rng, picture, at, 120.0)
    return np.clip(picture, 0, 255).astype(np.uint8)


def main() -> None:
    """Write both."""
    follower = GazeFollower(sys.argv[1])
    write_image(HERE / "vitgaze_scenes.png", scenes(follower))
    image = large_picture()
    if len(sys.argv) > 2:
        write_image(Path(sys.argv[2]) / "large.png", image)
    faces = list(nasion.Analyzer(tasks=("landmarks",))(image))
    found = follower.follow(image, faces)
    points = [np.array(target.point) for target in found]
    drawn = draw_looks(image, [eye_middle(face) for face in faces], points, [target.inside for target in found])
    write_image(HERE / "vitgaze_large.png", cv2.resize(drawn, (480, 480), interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main()
