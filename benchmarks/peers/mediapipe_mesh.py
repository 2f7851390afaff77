"""MediaPipe's face mesh with refined landmarks, 478 points, in an environment of its own (see mediapipe.txt).

Source: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019. Settings
are the published defaults, but for the number of faces in a photo.
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from protocol import Answer, over_pictures, serve

MOST_FACES = 5


def read(path: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB as displayed."""
    return np.ascontiguousarray(cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1])


def find(mesh: Any, rgb: np.ndarray) -> list[Answer]:
    height, width = rgb.shape[:2]
    found = mesh.process(rgb).multi_face_landmarks or []
    return [{"points": [(p.x * width, p.y * height, p.z * width) for p in face.landmark]} for face in found]


def landmarks(job: dict[str, Any]) -> list[Answer]:
    with mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=MOST_FACES
    ) as mesh:
        return over_pictures(job["inputs"], read, lambda rgb: find(mesh, rgb))


def video(job: dict[str, Any]) -> list[Answer]:
    return [one_video(path) for path in job["inputs"]]


def one_video(path: str) -> Answer:
    """Every frame of a clip, one face, following it: seconds over all, and those without decoding."""
    stream = cv2.VideoCapture(path)
    frames, with_face, inside = 0, 0, 0.0
    with mp.solutions.face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True, max_num_faces=1) as mesh:
        mesh.process(np.zeros((64, 64, 3), np.uint8))  # the graph is built on the first picture
        start = time.perf_counter()
        while True:
            more, bgr = stream.read()
            if not more:
                break
            before = time.perf_counter()
            found = mesh.process(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)).multi_face_landmarks
            inside += time.perf_counter() - before
            frames += 1
            with_face += bool(found)
        seconds = time.perf_counter() - start
    stream.release()
    return {"path": path, "frames": frames, "with_face": with_face, "seconds": seconds, "model_seconds": inside}


if __name__ == "__main__":
    serve(f"mediapipe {mp.__version__}", {"landmarks": landmarks, "video": video})
