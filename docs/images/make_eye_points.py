"""Draw the picture of eye points: rendered eyes with irises as the landmarker and the eye refiner place them.

python docs/images/make_eye_points.py
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import nasion
from nasion.core import FloatArray, ImageArray
from nasion.landmark import EyeRefiner
from nasion.landmark.eye_points import eye_rows
from nasion.media import write_image
from nasion.synth import HeadModel, SceneOptions, render_scene, sample_scene

HERE = Path(__file__).parent
LOOKS = ((-28, 0), (26, 4), (0, -22), (2, 14), (-20, -12), (28, -6), (4, 2), (-12, 8))  # degrees in the head
BEFORE, AFTER, SCALE, CELL = (240, 70, 60), (60, 230, 90), 5, (420, 150)


def eyes(image: ImageArray, before: FloatArray, after: FloatArray) -> ImageArray:
    """Both eyes, enlarged: rings and centres of the irises before and after, lids after."""
    rows = eye_rows()
    middle = after[rows].mean(axis=(0, 1))
    x0, y0 = (middle - np.array(CELL) / SCALE / 2).round().astype(int)
    matrix = np.array([[SCALE, 0, -SCALE * x0 + SCALE / 2], [0, SCALE, -SCALE * y0 + SCALE / 2]], float)
    big = np.ascontiguousarray(cv2.warpAffine(image, matrix, CELL, flags=cv2.INTER_CUBIC))
    for points, colour in ((before, BEFORE), (after, AFTER)):
        at = points @ matrix[:, :2].T + matrix[:, 2]
        for eye in rows:
            cv2.polylines(big, [np.rint(at[eye[1:5]] * 16).astype(np.int32)], True, colour, 1, cv2.LINE_AA, 4)
            cv2.circle(big, tuple(np.rint(at[eye[0]]).astype(int).tolist()), 3, colour, -1, cv2.LINE_AA)
            if colour == AFTER:
                cv2.polylines(big, [np.rint(at[eye[5:]] * 16).astype(np.int32)], True, colour, 1, cv2.LINE_AA, 4)
    return big


def main() -> None:
    """Write the picture."""
    analyzer, refiner, model = nasion.Analyzer(tasks=("landmarks",)), EyeRefiner(), HeadModel.load()
    options = SceneOptions(yaw=(-35, 35), pitch=(-12, 12), roll=(-8, 8), size=(256, 256), degrade=0.0)
    sheet = []
    for number, (yaw, pitch) in enumerate(LOOKS):
        scene = sample_scene(np.random.default_rng((43, number)), options)
        gaze = ((yaw + 1.0, float(pitch)), (yaw - 1.0, float(pitch)))
        sample = render_scene(replace(scene, head=replace(scene.head, gaze=gaze, expression={})), model)
        placed = analyzer(sample.image)[0].landmarks
        better = refiner.refine(sample.image, [placed])[0]
        sheet.append(eyes(sample.image, placed.points[:, :2], better.points[:, :2]))
    rows = [np.concatenate(sheet[i : i + 2], axis=1) for i in range(0, len(sheet), 2)]
    write_image(HERE / "eye_points.png", np.concatenate(rows, axis=0))


if __name__ == "__main__":
    main()
