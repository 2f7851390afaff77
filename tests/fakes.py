"""A detector and a landmarker that see coloured squares, so that pipelines and commands are tested without weights."""

from collections.abc import Sequence

import numpy as np

from nasion.core import Box, Face, ImageArray, Landmarks, scheme
from nasion.landmark.landmarker import Placement

COLOURS = {"red": (230, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 230)}
BACKGROUND = 120


def picture(*faces: tuple[str, float, float, float], width: int = 320, height: int = 240) -> ImageArray:
    """Grey, with a coloured square for each (colour, centre x, centre y, side)."""
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    for colour, x, y, side in faces:
        x0, y0, x1, y1 = (max(round(v), 0) for v in (x - side / 2, y - side / 2, x + side / 2, y + side / 2))
        image[y0:y1, x0:x1] = COLOURS[colour]
    return image


def squares(image: ImageArray) -> list[Box]:
    """The box of each colour that is there, largest first."""
    boxes = []
    for colour in COLOURS.values():
        rows, columns = np.nonzero((abs(image.astype(int) - colour) < 60).all(axis=2))
        if len(rows) > 30:
            boxes.append(Box(float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max())))
    return sorted(boxes, key=lambda box: -box.area)


class FakeDetector:
    """Finds the squares; ``calls`` counts the pictures it looked at."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, image: ImageArray) -> list[Face]:
        self.calls += 1
        faces = []
        for i, box in enumerate(squares(image)):
            (x, y), size = box.center, box.width
            points = np.array([[0.2, -0.2], [-0.2, -0.2], [0, 0], [0.15, 0.2], [-0.15, 0.2]]) * size + (x, y)
            faces.append(Face(box, 0.9 - 0.01 * i, Landmarks.from_points(points, scheme("coarse5"))))
        return faces

    def detect_batch(self, images: Sequence[ImageArray]) -> list[list[Face]]:
        return [self.detect(image) for image in images]


class FakeLandmarker:
    """Lays the mean face into the square nearest to each face; ``calls`` holds the number of faces of each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def place_many(self, pairs: Sequence[tuple[ImageArray, Face]], *, passes: int | None = None) -> list[Placement]:
        if pairs:
            self.calls.append(len(pairs))
        return [self._one(image, face) for image, face in pairs]

    @staticmethod
    def _one(image: ImageArray, face: Face) -> Placement:
        def distance(box: Box) -> float:
            return float(np.hypot(*np.subtract(box.center, face.box.center)))

        dense = scheme("dense478")
        mean = dense.template
        assert mean is not None
        boxes = [box for box in squares(image) if distance(box) < 0.6 * box.width]
        box = min(boxes, key=distance, default=face.box)
        low, high = mean.min(axis=0), mean.max(axis=0)
        scale = np.array([box.width, box.height, box.width]) / (high - low)
        points = ((mean - low) * scale + (box.x0, box.y0, 0)).astype(np.float32)
        sure = np.ones(len(dense), np.float32)
        return Placement(Landmarks(points, 0.9 * sure, 0.5 * sure, dense), 0.95 if boxes else 0.02)
