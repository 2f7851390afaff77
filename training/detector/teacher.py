"""YuNet as a teacher: boxes and five points on pictures whose own labels are missing or incomplete.

Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023 (weights: MIT).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from nasion.train.detector_targets import Dense

STRIDES = (8, 16, 32)
HINTS = ("241", "250", "259", "287", "291", "295")  # YuNet-n's features: backbone at 8, 16, 32; then under its heads
TO_COARSE5 = [1, 0, 2, 4, 3]  # YuNet lists the subject's right eye and right mouth corner first; coarse5 the left

# From YuNet's box to the box of data/boxes, as fractions of YuNet's width and height: x0, y0, x1, y1.
# Medians over the matches; YuNet boxes reach higher on the forehead and end above the chin.
FROM_YUNET = np.array([-0.02, 0.176, 0.02, 0.079])


class Teacher:
    """YuNet-n at any size, one thread."""

    def __init__(self, path: Path) -> None:
        import onnx  # not where nasion is only measured

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        model = onnx.load(str(path))
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in HINTS)
        self.session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
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

    def dense(self, rgb: np.ndarray) -> tuple[Dense, tuple[np.ndarray, ...]]:
        """Every cell's answer on a picture whose sides are multiples of 32, stride 8 first, row by row.

        Returns:
            The answers, boxes as the annotators draw them; and what the teacher makes of the picture on the way,
            (64, h, w) each: ``HINTS``.
        """
        blob = np.ascontiguousarray(rgb[..., ::-1].transpose(2, 0, 1)[None], np.float32)
        raw = dict(zip(self.outputs, self.session.run(None, {"input": blob}), strict=True))
        scores, boxes, points = [], [], []
        for stride in STRIDES:
            scores.append(np.sqrt(np.clip(raw[f"cls_{stride}"], 0, 1) * np.clip(raw[f"obj_{stride}"], 0, 1))[0, :, 0])
            y, x = np.mgrid[: rgb.shape[0] // stride, : rgb.shape[1] // stride]
            origin = np.stack([x, y], -1).reshape(-1, 2).astype(np.float32) * stride
            box = raw[f"bbox_{stride}"][0]
            center, half = origin + box[:, :2] * stride, np.exp(np.minimum(box[:, 2:], 5)) * stride / 2
            boxes.append(np.concatenate([center - half, center + half], axis=1))
            here = raw[f"kps_{stride}"][0].reshape(-1, 5, 2)[:, TO_COARSE5] * stride + origin[:, None]
            points.append(here.reshape(-1, 10))
        grown = grow(np.concatenate(boxes), FROM_YUNET)
        return Dense(np.concatenate(scores), grown, np.concatenate(points)), tuple(raw[name][0] for name in HINTS)

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


def suppress(found: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy non-maximum suppression over (N, 5+) rows; the indices kept, best first."""
    corner_and_size = np.concatenate([found[:, :2], found[:, 2:4] - found[:, :2]], axis=1)
    return np.array(cv2.dnn.NMSBoxes(corner_and_size, found[:, 4].astype(np.float32), 0.0, threshold), int).reshape(-1)


def grow(box: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Move the sides of (..., 4) boxes by fractions of their width and height."""
    size = np.tile(box[..., 2:4] - box[..., :2], 2)
    return box[..., :4] + by * size
