"""Draw the picture of the page on One Eye gaze: eyes as the networks see them, and where they look in the lens' plane.

python docs/images/make_one_eye.py one.onnx
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray
from nasion.gaze import OneEyeGaze
from nasion.media import write_image
from nasion.train.one_eye_gaze import middle, read
from nasion.train.one_eye_scenes import draw_phone_set

HERE = Path(__file__).parent
PEOPLE, CELL, REACH = 8, 200, 16.0  # people; px; cm from the lens to the panel's edge


def panel(target: FloatArray, found: FloatArray) -> ImageArray:
    """The plane of the phone about its lens (grey ring): red where the eyes look, blue where that is read."""
    out = np.full((CELL, CELL, 3), 245, np.uint8)
    scale = CELL / 2 / REACH

    def at(cm: FloatArray) -> tuple[int, int]:
        return round(CELL / 2 + scale * float(cm[0])), round(CELL / 2 - scale * float(cm[1]))

    for tick in range(-15, 16, 5):
        place = round(CELL / 2 + scale * tick)
        cv2.line(out, (place, 0), (place, CELL), (225, 225, 225), 1)
        cv2.line(out, (0, place), (CELL, place), (225, 225, 225), 1)
    cv2.circle(out, at(np.zeros(2)), 4, (120, 120, 120), 1, cv2.LINE_AA)
    cv2.line(out, at(target), at(found), (170, 170, 170), 1, cv2.LINE_AA)
    cv2.drawMarker(out, at(target), (214, 39, 40), cv2.MARKER_CROSS, 11, 2)
    cv2.circle(out, at(found), 5, (31, 119, 180), -1, cv2.LINE_AA)
    return out


def main() -> None:
    """Write the picture."""
    reader = OneEyeGaze(sys.argv[1])
    people = draw_phone_set(PEOPLE, 1, seed=907)
    points = read(reader, people).point
    cells = []
    for crops, target, point in zip(middle(people.crops), people.target, points, strict=True):
        eye = cv2.resize(crops[0], (CELL, CELL), interpolation=cv2.INTER_CUBIC)
        cells.append(np.concatenate([eye, panel(target, point)], axis=0))
    write_image(HERE / "one_eye.png", np.concatenate(cells, axis=1))


if __name__ == "__main__":
    main()
