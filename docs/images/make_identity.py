"""Draw the picture of the page on spoken assistance: python docs/images/make_identity.py; needs the network."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from nasion.core import ImageArray
from nasion.identity import FaceEmbedder, Gallery
from nasion.media import read_image, write_image
from nasion.pipeline import Analyzer
from nasion.pipeline.assist import Assistant, place_words
from nasion.pipeline.enrolment import from_photos

HERE, SIZE = Path(__file__).parent, (640, 480)
BOTTOMS = (250, 220)  # px, lower edges of the two photos


def packaged(package: str, inside: str) -> ImageArray:
    """A photo that an installed package brings."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return read_image(Path(spec.origin).parent / inside)


def cut(image: ImageArray, side: int) -> ImageArray:
    """The face with its surroundings, ``side`` px wide."""
    box = Analyzer(("landmarks",))(image)[0].landmarks.box
    (x, y), half = box.center, 0.85 * max(box.width, box.height)
    matrix = np.array([[side / 2 / half, 0, side / 2 - x * side / 2 / half],
                       [0, side / 2 / half, side / 2 - y * side / 2 / half]])  # fmt: skip
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """Eileen is enrolled by her mirror image, Grace is not."""
    eileen, grace = (
        packaged("skimage", "data/astronaut.png"),
        packaged("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    )
    embedder, gallery = FaceEmbedder(), Gallery()
    gallery.enrol("Eileen", from_photos([np.ascontiguousarray(eileen[:, ::-1])], embedder).vectors)
    frame = np.full((SIZE[1], SIZE[0], 3), (196, 200, 204), np.uint8)
    for photo, side, left, bottom in ((eileen, 215, 40, BOTTOMS[0]), (grace, 130, 470, BOTTOMS[1])):
        top = bottom - side
        frame[top:bottom, left : left + side] = cut(photo, side)
    assistant = Assistant(gallery, embedder=embedder)
    lines = [line for i in range(10) for line in assistant(frame, i / 4).said]
    faces = Analyzer(("landmarks",))(frame)
    shown = cv2.resize(frame, (1280, 960), interpolation=cv2.INTER_CUBIC)
    for face, seen in zip(sorted(faces, key=lambda f: f.box.center[0]), assistant.moment.seen, strict=True):
        x0, y0, x1, y1 = (2 * round(float(v)) for v in face.landmarks.box.to_array())
        colour = (0, 110, 60) if seen.name else (150, 70, 0)
        cv2.rectangle(shown, (x0, y0), (x1, y1), colour, 4)
        below = 2 * (BOTTOMS[0] if x0 < SIZE[0] else BOTTOMS[1])
        for text, down, size in ((seen.name or "unknown", 36, 1.1), (place_words(seen), 70, 0.8)):
            cv2.putText(shown, text, (x0 - 60, below + down), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 2, cv2.LINE_AA)
    for third in (1, 2):
        cv2.line(shown, (third * 1280 // 3, 0), (third * 1280 // 3, 610), (150, 150, 150), 1)
    for k, line in enumerate(lines):
        text = f"{line.time_s:.1f} s   {line.text}"
        cv2.putText(shown, text, (60, 680 + 50 * k), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (30, 30, 30), 2, cv2.LINE_AA)
    shown = np.ascontiguousarray(shown[:840])
    write_image(HERE / "assist.png", cv2.resize(shown, (960, 630), interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main()
