"""PFLD or OpenSeeFace behind YuNet-s boxes, through ONNX Runtime.

Sources: Guo et al., "PFLD: A Practical Facial Landmark Detector", 2019, weights and crop of
github.com/cunjian/pytorch_face_landmark; github.com/emilianavt/OpenSeeFace, model 0 with the crop and the decoding
of its tracker.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from protocol import Answer, over_pictures, serve
from yunet import YuNet, read

SCORE = 0.6  # of a face that is worth placing
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def cut(rgb: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """A crop; what lies outside the picture is black."""
    height, width = rgb.shape[:2]
    inside = rgb[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    pads = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    return cv2.copyMakeBorder(inside, *pads, cv2.BORDER_CONSTANT)


class Pfld:
    """112 px square crop of 1.1 times the box's longer side, RGB / 255; 68 points as fractions of the crop."""

    def __init__(self, models: Path) -> None:
        self.session = ort.InferenceSession(str(models / "pfld68.onnx"), providers=["CPUExecutionProvider"])

    def place(self, rgb: np.ndarray, box: np.ndarray) -> np.ndarray:
        side = int(max(box[2] - box[0] + 1, box[3] - box[1] + 1) * 1.1)
        x0, y0 = (int((box[i] + box[i + 2]) / 2) - side // 2 for i in (0, 1))
        crop = cv2.resize(cut(rgb, x0, y0, x0 + side, y0 + side), (112, 112))
        image = (crop.astype(np.float32) / 255).transpose(2, 0, 1)[None]
        return self.session.run(None, {"input": image})[0].reshape(68, 2) * side + (x0, y0)


class OpenSeeFace:
    """224 px crop of the box grown by 10 % in width and 12.5 % in height; 66 heatmaps of 28 x 28 with offsets."""

    def __init__(self, models: Path) -> None:
        self.session = ort.InferenceSession(str(models / "openseeface_lm0.onnx"), providers=["CPUExecutionProvider"])

    def place(self, rgb: np.ndarray, box: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        w, h = box[2] - box[0], box[3] - box[1]
        x0, x1 = (int(np.clip(v, 0, width - 1)) for v in (box[0] - int(w * 0.1), box[2] + int(w * 0.1)))
        y0, y1 = (int(np.clip(v, 0, height - 1)) for v in (box[1] - int(h * 0.125), box[3] + int(h * 0.125)))
        crop = cv2.resize(rgb[y0:y1, x0:x1].astype(np.float32), (224, 224), interpolation=cv2.INTER_LINEAR)
        image = ((crop / 255 - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
        maps = self.session.run(None, {"input": image})[0][0].reshape(3, 66, 28 * 28)
        best = maps[0].argmax(axis=1)[:, None]
        down, right = (223 * self._offset(np.take_along_axis(maps[i], best, 1)[:, 0]) for i in (1, 2))
        y = y0 + (y1 - y0) / 224 * (223 * (best[:, 0] // 28) / 27 + down)
        x = x0 + (x1 - x0) / 224 * (223 * (best[:, 0] % 28) / 27 + right)
        return np.stack([x, y], axis=1)

    @staticmethod
    def _offset(p: np.ndarray) -> np.ndarray:
        p = np.clip(p, 1e-7, 1 - 1e-7)
        return np.log(p / (1 - p)) / 16


LANDMARKERS: dict[str, Callable[[Path], Pfld | OpenSeeFace]] = {"pfld": Pfld, "openseeface": OpenSeeFace}


def landmarks(job: dict[str, Any]) -> list[Answer]:
    models = Path(job["models"])
    detector = YuNet(models / "yunet_2023mar.onnx", SCORE)
    landmarker = LANDMARKERS[job["options"]["landmarker"]](models)

    def find(rgb: np.ndarray) -> list[Answer]:
        return [
            {"box": row[:4].tolist(), "score": float(row[4]), "points": landmarker.place(rgb, row).tolist()}
            for row in detector.boxes(rgb)
        ]

    return over_pictures(job["inputs"], read, find)


if __name__ == "__main__":
    serve(f"onnxruntime {ort.__version__}", {"landmarks": landmarks})
