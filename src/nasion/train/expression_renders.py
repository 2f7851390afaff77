"""Sequences rendered and read by the embedded landmarker: points as they come in use, beside the true ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, IntArray, ModelError
from nasion.expression.sequence.features import FRAMES
from nasion.media.paths import prepare_output
from nasion.pipeline import Analyzer
from nasion.synth.model import HeadModel
from nasion.synth.scene import render_scene
from nasion.train.expression_takes import Take, scenes


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Rendered sequences.

    Attributes:
        found: (S, T, 478, 2) float32 px, the landmarker's points.
        true: (S, T, 478, 2) float32 px.
        label, subject: (S,).
        lost: sequences left out because no face was found on a frame.
    """

    found: FloatArray
    true: FloatArray
    label: IntArray
    subject: IntArray
    lost: int

    def save(self, path: Path) -> None:
        """Write an ``.npz``."""
        with prepare_output(path).open("wb") as stream:
            np.savez_compressed(
                stream, found=self.found, true=self.true, label=self.label, subject=self.subject, lost=self.lost
            )

    @classmethod
    def load(cls, path: Path) -> Placed:
        """Read what ``save`` wrote.

        Raises:
            ModelError: it is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(data["found"], data["true"], data["label"], data["subject"], int(data["lost"]))
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{path} holds no rendered sequences ({error}): delete it, it is made anew") from error


def placed(played: Iterable[Take], seed: int, analyzer: Analyzer | None = None) -> Placed:
    """Render takes and place their points: 0.1 s a frame.

    Args:
        played: the takes.
        seed: of skin, hair, light, camera and background.
        analyzer: what finds faces and places points; None is the embedded models' own.
    """
    analyzer = analyzer or Analyzer(("landmarks",), max_faces=1, threads=1)
    model = HeadModel.load()
    found, true, label, subject, lost = [], [], [], [], 0
    for take in played:
        mine, exact = [], []
        for scene in scenes(take, seed):
            sample = render_scene(scene, model)
            faces = analyzer(sample.image)
            if not faces:
                break
            mine.append(faces[0].landmarks.points[:, :2])
            exact.append(sample.truth.points)
        else:
            found.append(np.stack(mine))
            true.append(np.stack(exact))
            label.append(take.label)
            subject.append(take.subject)
            continue
        lost += 1
    ours, exact_points = (np.reshape(part, (-1, FRAMES, 478, 2)).astype(np.float32) for part in (found, true))
    return Placed(ours, exact_points, np.array(label, int), np.array(subject, int), lost)
