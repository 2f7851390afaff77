"""Photos as they would have come out in the dark, and the usual remedies. NumPy and OpenCV only."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError

# A phone's sensor (Sony IMX586), measured by Wang et al., "Practical Deep Raw Image Denoising on Mobile Devices", ECCV
# 2020, as published with their code: a raw value x of 0..959 has variance (a + b ISO) x + (c + d ISO + e ISO^2).
SHOT, READ, WHITE = (0.00868861, 5.995267e-4), (0.11492713, 6.514934e-4, 7.11772e-7), 959.0
ISO, ISOS = 1600.0, (400.0, 6400.0)  # to test at, the middle of their calibration; to learn from
QUALITY, QUALITIES = 90, (70, 96)  # of JPEG
CURVE = 65535  # steps of light of which the sRGB curve is tabulated
TINT = 0.08  # spread of the logarithm of each channel's gain
BRIGHT = 0.15  # of the views to learn from stay as they are
GAMMA, STOPS = (1.5, 4.5), (1.0, 5.0)  # of the others, half by each kind of darkness


def electrons(iso: float) -> tuple[float, float]:
    """Electrons of a white pixel, and the standard deviation of the read noise in electrons, of that phone."""
    gain = SHOT[0] + SHOT[1] * iso  # raw values an electron
    return WHITE / gain, float(np.sqrt(READ[0] + READ[1] * iso + READ[2] * iso**2)) / gain


def darken(
    image: ImageArray,
    rng: np.random.Generator,
    *,
    gamma: float = 1.0,
    stops: float = 0.0,
    iso: float = ISO,
    tint: float = 0.0,
    quality: int = QUALITY,
) -> ImageArray:
    """Less light and the noise that comes with it, then 8 bits and JPEG again.

    Darkness without noise is only a curve, which any curve undoes: photon and read noise, and what 8 bits and JPEG
    leave out, are what is lost in the dark. A pixel of the picture is taken for one of the sensor.

    Args:
        image: RGB uint8 (H, W, 3).
        rng: of tint and noise.
        gamma: power of the sRGB values, 1 or more.
        stops: halvings of the light, 0 or more.
        iso: of the camera, which sets how few electrons make a white pixel: 991 at 1600.
        tint: of the light, spread of the logarithm of each channel's gain; the strongest channel stays.
        quality: of the JPEG, 1..100.

    Raises:
        InputError: a number out of range.
    """
    if gamma < 1 or stops < 0 or iso <= 0 or tint < 0 or not 1 <= quality <= 100:
        raise InputError(
            "gamma must be 1 or more, stops and tint 0 or more, iso positive and quality 1 to 100, got "
            f"{gamma}, {stops}, {tint}, {iso} and {quality}"
        )
    gain = np.exp(rng.normal(0, tint, 3))
    value = (np.arange(256)[:, None] / 255 * (gain / gain.max())) ** gamma  # (256, 3): of every value and channel
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * 2.0**-stops
    white, read = electrons(iso)
    table = (light * white).astype(np.float32)
    mean = np.stack([table[:, c][image[..., c]] for c in range(3)], axis=-1)
    noisy = mean + np.sqrt(mean + np.float32(read**2)) * rng.standard_normal(image.shape, np.float32)
    seen = np.clip(noisy / np.float32(white), 0, 1)
    curve = _srgb(np.arange(CURVE + 1, dtype=np.float32) / CURVE)
    coded = curve[np.rint(seen * CURVE).astype(np.uint16)]
    _, jpeg = cv2.imencode(".jpg", coded[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB), np.uint8)


def some_darkness(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """A view (H, W, 3) uint8 to learn from, in darkness of any kind and depth; now and then as it is."""
    if rng.random() < BRIGHT:
        return view
    camera = {"iso": float(np.exp(rng.uniform(*np.log(ISOS)))), "tint": TINT}
    quality = int(rng.integers(*QUALITIES))
    if rng.random() < 0.5:
        return darken(view, rng, gamma=float(rng.uniform(*GAMMA)), quality=quality, **camera)
    return darken(view, rng, stops=float(rng.uniform(*STOPS)), quality=quality, **camera)


def _srgb(light: FloatArray) -> ImageArray:
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(value * 255).astype(np.uint8)


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
