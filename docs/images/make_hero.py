"""Draw ``faces.png``, the picture at the top of the README: what the package places on two photos, nothing retouched.

python docs/images/make_hero.py        (extra ``demo``)
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from nasion import Analyzer, Face, read_image
from nasion.core import ImageArray
from nasion.media import draw_faces, write_image

PHOTOS = (("skimage", "data/astronaut.png"), ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"))
HEIGHT, WIDTH = 480, 440  # px of each panel
ROOM = 1.75  # panel height over face height


def panel(image: ImageArray, face: Face, scheme: str) -> ImageArray:
    """The face in the middle of a (HEIGHT, WIDTH) panel, drawn in ``scheme`` at the panel's own resolution."""
    scale = HEIGHT / (face.box.height * ROOM)
    (x, y) = face.box.center
    matrix = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
    part = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    (again,) = Analyzer(scheme=scheme, max_faces=1)(np.asarray(part, np.uint8))
    return draw_faces(np.asarray(part, np.uint8), [again])


def main() -> None:
    """Draw both photos in both schemes, side by side."""
    panels = []
    for package, inside in PHOTOS:
        spec = find_spec(package)
        assert spec is not None, "pip install nasion[demo]"
        image = read_image(Path(str(spec.origin)).parent / inside)
        (face,) = Analyzer(max_faces=1)(image)
        panels += [panel(image, face, "dense478"), panel(image, face, "ibug68")]
    write_image(Path(__file__).parent / "faces.png", np.concatenate(panels, axis=1))


if __name__ == "__main__":
    main()
