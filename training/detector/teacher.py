"""YuNet as a teacher: boxes and five points on pictures whose own labels are missing or incomplete.

Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023 (weights: MIT).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

STRIDES = (8, 16, 32)
TO_COARSE5 = [1, 0, 2, 4, 3]  # YuNet lists the subject's right eye and right mouth corner first; coarse5 the left


class Teacher:
    """YuNet-n at any size, one thread."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]

    def at_scale(self, rgb: np.ndarray, scale: float, threshold: float) -> np.ndarray:
        """Candidates before suppression, (N, 15): x0, y0, x1, y1, score, 5 x (x, y) px of ``rgb``, coarse5 order."""
        height, width = rgb.shape[:2]
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        resized = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        canvas = np.zeros((-(-h // 32) * 32, -(-w // 32) * 32, 3), np.float32)
        canvas[:h, :w] = resized[..., ::-1]
        raw = dict(zip(self.outputs, self.session.run(None, {"input": canvas.transpose(2, 0, 1)[None]}), strict=True))
        rows = []
        for stride in STRIDES:
            score = np.sqrt(np.clip(raw[f"cls_{stride}"], 0, 1) * np.clip(raw[f"obj_{stride}"], 0, 1))[0, :, 0]
            keep = np.flatnonzero(score > threshold)
            columns = canvas.shape[1] // stride
            origin = np.stack([keep % columns, keep // columns], axis=1) * stride
            box, points = raw[f"bbox_{stride}"][0, keep], raw[f"kps_{stride}"][0, keep].reshape(-1, 5, 2)
            center = origin + box[:, :2] * stride
            half = np.exp(box[:, 2:]) * stride / 2
            points = (points * stride + origin[:, None])[:, TO_COARSE5]
            rows.append(
                np.concatenate([center - half, center + half, score[keep, None], points.reshape(-1, 10)], axis=1)
            )
        found = np.concatenate(rows)
        x, y = (w - 1) / max(width - 1, 1), (h - 1) / max(height - 1, 1)
        found[:, [0, 2, *range(5, 15, 2)]] /= x
        found[:, [1, 3, *range(6, 15, 2)]] /= y
        return found

    def find(self, rgb: np.ndarray, scales: tuple[float, ...], threshold: float) -> np.ndarray:
        """Faces over several scales, suppressed; (N, 15) as ``at_scale``, best first."""
        found = np.concatenate([self.at_scale(rgb, s, threshold) for s in scales])
        return found[suppress(found, 0.4)]


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, 4+) and (M, 4+) boxes to (N, M) intersection over union."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    shared = np.clip(high - low, 0, None).prod(-1)
    area_a, area_b = (a[:, 2:4] - a[:, :2]).prod(-1), (b[:, 2:4] - b[:, :2]).prod(-1)
    return shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9)


def suppress(found: np.ndarray, threshold: float) -> list[int]:
    """Greedy non-maximum suppression over (N, 5+) rows; the indices kept, best first."""
    order = list(np.argsort(-found[:, 4]))
    overlap = iou_matrix(found, found) if len(found) else np.zeros((0, 0))
    kept: list[int] = []
    for i in order:
        if all(overlap[i, j] < threshold for j in kept):
            kept.append(int(i))
    return kept
