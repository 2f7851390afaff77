"""Small videos made on the spot."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from nasion.core import ImageArray

SIZE = (96, 64)  # width, height


def picture(number: int, size: tuple[int, int] = SIZE) -> ImageArray:
    """A picture that says its number: grey level 8 * number (mod 256), the upper left quarter red."""
    image = np.full((size[1], size[0], 3), 8 * number % 256, np.uint8)
    image[: size[1] // 2, : size[0] // 2] = (200, 20, 20)
    return image


def number_in(image: ImageArray) -> int:
    """The number that `picture` wrote, where the picture is upright."""
    height, width = image.shape[:2]
    return round(float(image[-height // 3 :, -width // 3 :].mean()) / 8)


def make_video(
    path: Path,
    times: Sequence[float],
    *,
    size: tuple[int, int] = SIZE,
    rotation: int = 0,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    encoder: str = "libx264",
    gop: int = 10,
    clock: int = 90_000,
) -> Path:
    """A video whose pictures are shown at ``times``, seconds."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(encoder, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, clock)
        stream.codec_context.gop_size = gop
        stream.bit_rate = 4_000_000  # enough for every codec to tell neighbouring pictures apart
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for number, time_s in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts, frame.time_base = round(time_s * clock), Fraction(1, clock)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
