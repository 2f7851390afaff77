"""The frozen half of a calibrated gaze tracker: points in three dimensions to a direction and a few numbers.

Source: EMC-Gaze, arXiv 2603.12388. The network is trained by ``nasion.train.emc_gaze``; per session only a ridge on its
numbers is fitted (`nasion.gaze.session`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasion.core import Camera, FloatArray, ModelError
from nasion.gaze.canonical import NODES, eye_middle, lift
from nasion.models import Session

AXIS = 60.0  # mm: the head's frame joins the cloud as its origin and a point this far along each axis
CLOUD = len(NODES) + 4


def cloud(
    points: FloatArray, rotation: FloatArray, translation: FloatArray, camera: Camera
) -> tuple[FloatArray, FloatArray]:
    """What the encoder sees.

    Args:
        points: (B, 34, 3) px and depth of ``NODES``.
        rotation: (B, 3, 3), head to camera frame.
        translation: (B, 3) mm.
        camera: the camera of all.

    Returns:
        (B, 38, 3) mm, camera frame: the lifted points, the head's origin and a point on each of its axes; (B, 3) mm,
        the middle of the eyes.
    """
    solid = lift(points, translation, camera)
    origin = translation[:, None]
    frame = np.concatenate([origin, origin + AXIS * np.swapaxes(rotation, 1, 2)], axis=1)
    return np.concatenate([solid, frame], axis=1), eye_middle(solid)


class Encoder:
    """The ONNX file behind `GazeSession`.

    Args:
        model: a name of the catalogue or a file that ``nasion gaze train emc-gaze`` wrote.
        threads: of ONNX Runtime; one is quickest.

    Attributes:
        caution: targets' worth of belief that nothing needs correcting, as met in training; see `ridge.fit_guarded`.

    Raises:
        ModelError: the model cannot be loaded or is no such encoder.
    """

    def __init__(self, model: str | Path = "gaze_encoder", *, threads: int = 1) -> None:
        self.session = Session(model, threads=threads)
        if set(self.session.output_names) != {"embedding", "direction"}:
            raise ModelError(f"{self.session.path} is no gaze encoder: it gives {', '.join(self.session.output_names)}")
        self.caution = float(self.session.metadata.get("caution", "1"))

    def __call__(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(B, 38, 3) mm of `cloud` to the (B, D) embedding and the (B, 3) unit direction of the look."""
        out = self.session.run({"points": np.asarray(points, np.float32)})
        return out["embedding"].astype(np.float64), out["direction"].astype(np.float64)
