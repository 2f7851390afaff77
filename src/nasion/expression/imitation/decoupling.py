"""From a face's shape to what it expresses, apart from who it is.

``Decoupler`` is the trained one (``nasion train pengrui-expression-imitation``), ``LinearDecoupler`` the closed form
that needs no training. Both answer with a code that is 0 for a face at rest and has the same scale in all directions
for all people; codes of the two do not compare.

Source: Chen et al., "Morphology-Independent Facial Expression Imitation for Human-Face Robots", arXiv 2603.07068.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from nasion.core import FloatArray, InputError, ModelError
from nasion.expression.imitation.linear import LinearFace, head_face
from nasion.expression.imitation.shape import POINTS
from nasion.models import Session


class Decouples(Protocol):
    """What reads expression codes off shapes."""

    def codes(self, shapes: FloatArray) -> FloatArray:
        """(S, C) codes of (S, 468, 3) normalised shapes, each read by itself."""

    def people(self, shapes: FloatArray) -> FloatArray:
        """(S, M) what is of the person in each shape."""


class LinearDecoupler:
    """Person and sliders fitted together to each shape (``LinearFace.both``); the code is the sliders.

    Args:
        face: the bases; by default the synthetic head's.
    """

    def __init__(self, face: LinearFace | None = None) -> None:
        self.face = face or head_face()

    def codes(self, shapes: FloatArray) -> FloatArray:
        """(S, K) sliders 0..1."""
        return np.stack([self.face.both(shape)[1] for shape in _checked(shapes)])

    def people(self, shapes: FloatArray) -> FloatArray:
        """(S, M) identity components in standard deviations."""
        return np.stack([self.face.both(shape)[0] for shape in _checked(shapes)])


class Decoupler:
    """The trained network.

    Args:
        model: the ONNX file.
        threads: as for ``nasion.models.Session``.

    Raises:
        ModelError: the file cannot be loaded, or is no such network.
    """

    def __init__(self, model: str | Path, *, threads: int | None = 1) -> None:
        self._session = Session(model, threads=threads)
        if set(self._session.output_names) != {"expression", "person"} or "shapes" not in self._session.input_shapes:
            raise ModelError(
                f"{model} decouples nothing: it must take shapes and give expression and person, as the file of "
                "`nasion train pengrui-expression-imitation` does"
            )

    def codes(self, shapes: FloatArray) -> FloatArray:
        """(S, 96) what the expression would move on a typical person, along principal directions of shape."""
        return self._run(shapes)["expression"]

    def people(self, shapes: FloatArray) -> FloatArray:
        """(S, 64) morphology codes."""
        return self._run(shapes)["person"]

    def _run(self, shapes: FloatArray) -> dict[str, FloatArray]:
        return self._session.run({"shapes": _checked(shapes).astype(np.float32)})


def _checked(shapes: FloatArray) -> FloatArray:
    shapes = np.asarray(shapes)
    if shapes.ndim != 3 or shapes.shape[1:] != (POINTS, 3):
        raise InputError(f"shapes are (S, {POINTS}, 3), as normalised() makes them; got {shapes.shape}")
    return shapes
