"""VGG16's convolutions as a stack, from weights that a user brings: safetensors or npz, never a pickle.

The published file that fits is ``model.safetensors`` of ``timm/vgg16.tv_in1k`` on Hugging Face, torchvision's
weights (``vgg16-397923af``, BSD-3-Clause) with the names ``features.0.weight`` and so on. nasion does not fetch its
528 MB; give the sha256 that its page states to have it checked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ModelError
from nasion.gaze.search.stack import ConvStack, Layer
from nasion.models.arrays import load_arrays

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)
ROWS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))  # torchvision's numbers of the convolutions
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # torchvision's, of RGB 0..255


def load_vgg16(path: str | Path, sha256: str | None = None) -> ConvStack:
    """The five blocks of VGG16.

    Args:
        path: ``.safetensors`` or ``.npz`` with ``features.N.weight`` and ``features.N.bias``.
        sha256: of the file; it is checked when given.

    Raises:
        ModelError: the file is missing, another, or holds no VGG16.
    """
    file = Path(path)
    if sha256 is not None:
        if not file.is_file():
            raise ModelError(f"{file} does not exist: give the file of VGG16's weights")
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256.lower():
            raise ModelError(f"{file} has sha256 {found}, not {sha256}: it is another file")
    arrays, blocks, inner = load_arrays(file), [], 3
    for rows, width in zip(ROWS, _widths(arrays, file), strict=True):
        layers = []
        for row in rows:
            layers.append(_layer(arrays, row, (width, inner, 3, 3), file))
            inner = width
        blocks.append(tuple(layers))
    return ConvStack(tuple(blocks), MEAN, SPREAD)


def random_vgg(divide: int = 16, seed: int = 0) -> dict[str, FloatArray]:
    """Arrays as in a file of VGG16, random and ``divide`` times narrower: to try the mechanics, for nothing else."""
    rng, made, inner = np.random.default_rng(seed), {}, 3
    for rows, width in zip(ROWS, WIDTHS, strict=True):
        for row in rows:
            outer = width // divide
            made[f"features.{row}.weight"] = rng.normal(0, np.sqrt(2 / (9 * inner)), (outer, inner, 3, 3)).astype("f4")
            made[f"features.{row}.bias"] = np.zeros(outer, np.float32)
            inner = outer
    return made


def _widths(arrays: dict[str, FloatArray], file: Path) -> list[int]:
    first = arrays.get("features.0.weight")
    if first is None:
        raise ModelError(f"{file} holds no features.0.weight: it is no VGG16 in torchvision's names")
    return [len(first) * width // WIDTHS[0] for width in WIDTHS]


def _layer(arrays: dict[str, FloatArray], row: int, shape: tuple[int, ...], file: Path) -> Layer:
    weight, bias = (arrays.get(f"features.{row}.{part}") for part in ("weight", "bias"))
    if weight is None or bias is None or weight.shape != shape or bias.shape != shape[:1]:
        found = None if weight is None else weight.shape
        raise ModelError(f"{file}: features.{row} should have weights {shape} and biases {shape[:1]}, found {found}")
    return weight.astype(np.float32), bias.astype(np.float32)
