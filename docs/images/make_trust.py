"""Draw ``trust.jpg`` and ``caos.jpg``: what the numbers beside a point look like, on heads of nobody.

python docs/images/make_trust.py
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nasion import Analyzer
from nasion.core import ImageArray
from nasion.landmark.conformal import Marked, find, teach
from nasion.media import draw_circles, draw_regions, write_image
from nasion.synth import HeadModel, SceneOptions, synth_batch

HERE = Path(__file__).parent
ALPHA, SIZE = 0.1, (440, 500)
HIDERS, PANEL = ((62, "sunglasses"), (60, "mask"), (61, "mask")), 440
CHEEK = 425  # the dense vertex whose place stands for a mole on the subject's left cheek


def trust(model: HeadModel) -> None:
    """The 68 points behind things with their 90 % circles, and crosses where the points truly are."""
    panels = []
    for seed, kind in HIDERS:
        options = SceneOptions(size=(620, 640), yaw=(5, 25), occlude=1.0, occluder=kind, degrade=0)
        (sample,) = synth_batch(1, seed=seed, options=options, model=model)
        (face,) = Analyzer(("landmarks",), scheme="ibug68")(sample.image)
        radius, truth = face.landmarks.region(ALPHA), sample.truth.landmarks("ibug68").points[:, :2]
        held = np.linalg.norm(face.landmarks.points[:, :2] - truth, axis=1) <= radius
        hidden = face.landmarks.visibility < 0.5
        print(f"{kind}: {held.sum()} of 68 circles hold their point; {hidden.sum()} said to be hidden")
        drawn = draw_circles(sample.image, face.landmarks, radius)
        for x, y in truth:
            cv2.drawMarker(drawn, (round(x), round(y)), (245, 245, 245), cv2.MARKER_TILTED_CROSS, 6, 1, cv2.LINE_AA)
        middle, scale = np.array(face.landmarks.box.center), PANEL / (1.7 * face.landmarks.box.height)
        matrix = np.concatenate([np.eye(2) * scale, (PANEL / 2 - scale * middle)[:, None]], axis=1)
        panels.append(
            cv2.warpAffine(drawn, matrix, (PANEL, PANEL), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        )
    write_image(HERE / "trust.jpg", np.concatenate(panels, axis=1))


def caos(model: HeadModel) -> None:
    """A mole taught on 20 heads, found on three others."""
    analyzer, marked, shown = Analyzer(("landmarks",)), [], []
    for sample in synth_batch(40, seed=5, options=SceneOptions(size=SIZE, yaw=(-25, 25), degrade=0), model=model):
        spot = sample.truth.points[CHEEK, :2]
        image, faces = with_mole(sample.image, spot, sample.truth.points), analyzer(sample.image)
        if len(faces) != 1:
            continue
        if len(marked) < 20:
            marked.append(Marked(image, faces[0].landmarks, spot))
        elif len(shown) < 3:
            (found,) = find([teach("mole", marked)], image, faces[0].landmarks, ALPHA)
            print(f"held: {found.contains(spot)}, {found.share:.2%} of the face")
            shown.append(draw_regions(image, [replace(found, name="")]))
    write_image(HERE / "caos.jpg", np.concatenate(shown, axis=1))


def with_mole(image: ImageArray, spot: np.ndarray, points: np.ndarray) -> ImageArray:
    """A brown dot painted on the picture, in the size of the face."""
    painted, size = image.copy(), np.ptp(points[:, 0]) / 60
    cv2.circle(painted, (round(spot[0] * 16), round(spot[1] * 16)), round(size * 16), (70, 42, 30), -1, cv2.LINE_AA, 4)
    return np.asarray(cv2.addWeighted(image, 0.2, painted, 0.8, 0), np.uint8)


def main() -> None:
    """Draw both."""
    model = HeadModel.load()
    trust(model)
    caos(model)


if __name__ == "__main__":
    main()
