"""Draw the picture of the page on gaze: rendered heads with the arrows as they come, nothing retouched.

python docs/images/make_gaze.py
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import nasion
from nasion.media import DrawStyle, contact_sheet, draw_faces, write_image
from nasion.metrics import gaze_error
from nasion.synth import HeadModel, SceneOptions, render_scene, sample_scene

HERE = Path(__file__).parent
LOOKS = ((-22, 0), (20, 4), (0, -20), (2, 14), (-18, -12), (24, -8), (6, 2), (-8, 8))  # degrees in the head
STYLE = DrawStyle(points=False, contours=False, uncertainty=False, box=False, pose=False, label=False)


def main() -> None:
    """Write the picture."""
    analyzer, model = nasion.Analyzer(tasks=("gaze",)), HeadModel.load()
    options = SceneOptions(yaw=(-30, 30), pitch=(-12, 12), roll=(-8, 8), size=(320, 320), degrade=0.0)
    sheet = []
    for number, (yaw, pitch) in enumerate(LOOKS):
        scene = sample_scene(np.random.default_rng((41, number)), options)
        gaze = ((yaw + 1.0, float(pitch)), (yaw - 1.0, float(pitch)))
        sample = render_scene(replace(scene, head=replace(scene.head, gaze=gaze, expression={})), model)
        face = analyzer(sample.image)[0]
        picture = draw_faces(sample.image, [face], STYLE)
        off = gaze_error(np.array(face.gaze.vector), sample.truth.gaze.sum(axis=0))
        read = f"{face.gaze.yaw:+.0f} {face.gaze.pitch:+.0f}"
        words = f"{read}  says {face.gaze.expected_error:.0f}, off {float(off):.0f}"
        cv2.rectangle(picture, (0, 298), (320, 320), (16, 20, 28), cv2.FILLED)
        cv2.putText(picture, words, (8, 314), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (240, 240, 240), 1, cv2.LINE_AA)
        sheet.append(picture)
    write_image(HERE / "gaze_directions.png", contact_sheet(sheet, columns=4, cell=240))


if __name__ == "__main__":
    main()
