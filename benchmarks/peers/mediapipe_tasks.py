"""The current MediaPipe's face landmarker (tasks API), 478 points, in an environment of its own.

Its wheel brings no model: ``face_landmarker.task`` must lie in the models folder. Settings are the published defaults,
but for the number of faces in a photo.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from protocol import Answer, over_pictures, serve

MOST_FACES = 5


def read(path: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB as displayed."""
    return np.ascontiguousarray(cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1])


def landmarks(job: dict[str, Any]) -> list[Answer]:
    model = str(Path(job["models"]) / job["options"]["weights"])
    options = vision.FaceLandmarkerOptions(BaseOptions(model_asset_path=model), num_faces=MOST_FACES)
    with vision.FaceLandmarker.create_from_options(options) as landmarker:

        def find(rgb: np.ndarray) -> list[Answer]:
            height, width = rgb.shape[:2]
            found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)).face_landmarks
            return [{"points": [(p.x * width, p.y * height, p.z * width) for p in face]} for face in found]

        return over_pictures(job["inputs"], read, find)


if __name__ == "__main__":
    serve(f"mediapipe {mp.__version__}", {"landmarks": landmarks})
