"""Photos as they would have come out in the dark, and the usual remedies. NumPy and OpenCV only."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from nasion.core import ImageArray, InputError

PHOTONS = 4000.0  # of a white pixel in full light
READ_NOISE = 2.0  # electrons, standard deviation
BRIGHT = 0.15  # of the views to learn from stay as they are
GAMMA, STOPS = (1.5, 4.5), (1.0, 5.0)  # of the others, half by each kind of darkness
TINT = 0.08  # spread of the logarithm of each channel's gain


def darken(image: ImageArray, rng: np.random.Generator, *, gamma: float = 1.0, stops: float = 0.0) -> ImageArray:
    """Less light and the noise that comes with it, then 8 bits again.

    Darkness without noise is only a curve, which any curve undoes: photon and read noise are what is lost in the dark.

    Args:
        image: RGB uint8 (H, W, 3).
        rng: of the noise.
        gamma: power of the sRGB values, 1 or more.
        stops: halvings of the light, 0 or more.

    Raises:
        InputError: a number out of range.
    """
    if gamma < 1 or stops < 0:
        raise InputError(f"gamma must be 1 or more and stops 0 or more, got {gamma} and {stops}")
    value = (np.arange(256) / 255) ** gamma
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * 2.0**-stops
    electrons = (light * PHOTONS).astype(np.float32)[image]
    noisy = electrons + np.sqrt(electrons + READ_NOISE**2) * rng.standard_normal(image.shape, np.float32)
    seen = np.clip(noisy / PHOTONS, 0, 1)
    back = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.rint(back * 255).astype(np.uint8)


def some_darkness(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """A view (H, W, 3) uint8 to learn from, in darkness of any kind and depth; now and then as it is."""
    if rng.random() < BRIGHT:
        return view
    gain = np.exp(rng.normal(0, TINT, 3))
    tinted = np.clip(view * gain / gain.max(), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        return darken(tinted, rng, gamma=float(rng.uniform(*GAMMA)))
    return darken(tinted, rng, stops=float(rng.uniform(*STOPS)))


def _on_lightness(image: ImageArray, change: Callable[[ImageArray], ImageArray]) -> ImageArray:
    lab = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), np.uint8)
    lab[..., 0] = change(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def equalise(image: ImageArray) -> ImageArray:
    """The histogram of lightness made even."""
    return _on_lightness(image, lambda lightness: np.asarray(cv2.equalizeHist(lightness), np.uint8))


def clahe(image: ImageArray) -> ImageArray:
    """Contrast-limited adaptive histogram equalisation of lightness: 8 x 8 tiles, limit 2."""
    tool = cv2.createCLAHE(2.0, (8, 8))
    return _on_lightness(image, lambda lightness: np.asarray(tool.apply(lightness), np.uint8))
