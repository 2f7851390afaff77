"""YuNet face detectors through ONNX Runtime: YuNet-n at the photo's own size, YuNet-s in a 640 x 640 frame.

Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023. The decoding and
the thresholds are those of OpenCV's FaceDetectorYN, but for its score threshold (0.9, made for single faces): the
answer holds every box above 0.3, and the benchmark draws recall over the number of boxes kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps
from protocol import Answer, over_pictures, serve

STRIDES = (8, 16, 32)
OVERLAP = 0.3  # OpenCV's default suppression threshold
LOWEST_SCORE = 0.3


def read(path: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB as displayed."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


class YuNet:
    """One model; ``fixed`` is its square input where it has one."""

    def __init__(self, path: Path, lowest_score: float = LOWEST_SCORE) -> None:
        self.session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]
        side = self.session.get_inputs()[0].shape[-1]
        self.fixed = side if isinstance(side, int) else None
        self.lowest_score = lowest_score

    def boxes(self, rgb: np.ndarray) -> np.ndarray:
        """(N, 5) x0, y0, x1, y1 px and score, best first."""
        height, width = rgb.shape[:2]
        scale = 1.0 if self.fixed is None else min(1.0, self.fixed / max(height, width))
        if scale < 1:
            rgb = cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)
        h, w = rgb.shape[:2]
        canvas_h, canvas_w = (self.fixed or -(-h // 32) * 32), (self.fixed or -(-w // 32) * 32)
        canvas = np.zeros((canvas_h, canvas_w, 3), np.float32)
        canvas[:h, :w] = rgb[..., ::-1]
        found = self._decode(self.session.run(None, {"input": canvas.transpose(2, 0, 1)[None]}), canvas_w)
        found[:, :4] /= scale
        corner_and_size = np.concatenate([found[:, :2], found[:, 2:4] - found[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(corner_and_size.tolist(), found[:, 4].tolist(), self.lowest_score, OVERLAP)
        return found[np.asarray(kept, int)]

    def _decode(self, raw: list[np.ndarray], canvas_width: int) -> np.ndarray:
        by_name = dict(zip(self.outputs, raw, strict=True))
        rows = []
        for stride in STRIDES:
            cls, obj = (np.clip(by_name[f"{kind}_{stride}"][0, :, 0], 0, 1) for kind in ("cls", "obj"))
            score = np.sqrt(cls * obj)
            keep = np.flatnonzero(score > self.lowest_score)
            columns = canvas_width // stride
            box = by_name[f"bbox_{stride}"][0, keep]
            center = (np.stack([keep % columns, keep // columns], axis=1) + box[:, :2]) * stride
            half = np.exp(box[:, 2:]) * stride / 2
            rows.append(np.concatenate([center - half, center + half, score[keep, None]], axis=1))
        return np.concatenate(rows)


def detect(job: dict[str, Any]) -> list[Answer]:
    net = YuNet(Path(job["models"]) / job["options"]["weights"])

    def find(rgb: np.ndarray) -> list[Answer]:
        return [{"box": row[:4].tolist(), "score": float(row[4])} for row in net.boxes(rgb)]

    return over_pictures(job["inputs"], read, find)


if __name__ == "__main__":
    serve(f"onnxruntime {ort.__version__}", {"detect": detect})
