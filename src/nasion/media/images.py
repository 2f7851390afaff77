"""Still pictures in and out. Everything inside nasion is RGB uint8, upright, and whole.

- The EXIF orientation is applied, so coordinates are those of the picture as a viewer shows it.
- Transparent parts are shown on white (`BACKGROUND`), as a browser page does.
- 16-bit pictures are scaled, 65535 to 255. Palette, grey and CMYK pictures become RGB.
- Of an animation (GIF, WebP, APNG) or a multi-page TIFF the first picture is taken.
- A damaged file is an error, never half a picture.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nasion.core import ImageArray, InputError, MediaError, MissingExtraError
from nasion.media.paths import prepare_output, safe_name, why

if TYPE_CHECKING:
    from PIL import Image

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A path, ``"-"`` for standard input, or the bytes of a picture file."""

BACKGROUND = (255, 255, 255)
MAX_PIXELS = 100_000_000

_ORIENTATION_TAG = 0x0112
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_pillow_limit = threading.Lock()


def read_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """Read a picture.

    Args:
        source: path, ``"-"`` (standard input) or the bytes of a picture file. JPEG, PNG, WebP, TIFF, BMP, GIF and what
            else Pillow reads; HEIC with the extra ``heic``.
        max_pixels: larger pictures are refused by their header, before anything is decoded.

    Returns:
        (H, W, 3) uint8 RGB, contiguous, EXIF orientation applied.

    Raises:
        MediaError: the file is missing, unreadable, empty, no picture, damaged or larger than ``max_pixels``.
        MissingExtraError: a HEIC picture without ``pillow-heif``.
    """
    stream, name = _open_bytes(source)
    with stream:
        return _decode(stream, name, max_pixels)


def check_image(image: Any) -> ImageArray:
    """Make sure that an array is a picture as nasion understands it.

    Args:
        image: (H, W, 3) uint8 RGB. (H, W) and (H, W, 1) uint8 grey are taken too and become three equal channels.
            RGBA and floats are refused: how to turn them into RGB depends on what they mean, and a guess would be
            silently wrong. BGR cannot be told from RGB: swap it first.

    Returns:
        (H, W, 3) uint8, contiguous; the very same array when it already is.

    Raises:
        InputError: the array is no such picture; the message says how to convert it.
    """
    if not isinstance(image, np.ndarray):
        hint = "; for a Pillow image: numpy.asarray(image.convert('RGB'))" if hasattr(image, "convert") else ""
        raise InputError(f"an image must be a NumPy array (H, W, 3) uint8 RGB, got {type(image).__name__}{hint}")
    shape = image.shape
    if image.dtype != np.uint8:
        raise InputError(f"an image must be uint8 (0..255), got {image.dtype}, shape {shape}; {_dtype_advice(image)}")
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise InputError(f"an image must have shape (H, W, 3), RGB, or (H, W), grey; got {shape}{_shape_advice(shape)}")
    if 0 in shape:
        raise InputError(f"an image must have at least one pixel, got shape {shape}")
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image)


def write_image(path: str | os.PathLike[str], image: ImageArray, *, quality: int = 92) -> None:
    """Write a picture; the extension says the format. Afterwards the file is whole, or what it was before.

    Args:
        path: .png, .jpg, .webp, ... Missing folders are made.
        image: (H, W, 3) uint8 RGB or (H, W) uint8 grey.
        quality: 1..100, for JPEG and WebP.

    Raises:
        MediaError: the file cannot be written, or Pillow knows no such extension.
        InputError: ``image`` is not a picture.
    """
    from PIL import Image

    image = check_image(image)
    target = prepare_output(path)
    kind = Image.registered_extensions().get(target.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise MediaError(
            f"cannot write {safe_name(target)}: {target.suffix or 'no'} extension; use .png, .jpg or .webp"
        )
    part = target.with_name(target.name + ".partial")
    options = {"subsampling": 0} if kind == "JPEG" else {}
    try:
        Image.fromarray(image).save(part, format=kind, quality=quality, **options)
        part.replace(target)
    except (OSError, ValueError) as error:
        part.unlink(missing_ok=True)
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def _open_bytes(source: ImageSource) -> tuple[IO[bytes], str]:
    """A seekable stream over the file's bytes and its name for messages."""
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source), "the given bytes"
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"a picture is read from a path, '-' or bytes, got {type(source).__name__}")
    if source == "-":
        return io.BytesIO(sys.stdin.buffer.read()), "standard input"
    name = safe_name(source)
    try:
        return Path(source).open("rb"), name
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {name}; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL byte or lone surrogate, which no file name can hold
        raise MediaError(f"cannot open {name}: {why(error)}") from error


def _decode(stream: IO[bytes], name: str, max_pixels: int) -> ImageArray:
    from PIL import Image, UnidentifiedImageError

    try:
        head = stream.read(64)
        stream.seek(0)
        if not head:
            raise MediaError(f"{name} is empty (0 bytes): copy or download it again")
        if _is_heif(head):
            _register_heif(name)
        # Pillow's own limit is a global, with a warning below and an error above; ours is an argument and exact.
        with _pillow_limit:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                picture: Image.Image = Image.open(stream)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        width, height = picture.size
        if width * height > max_pixels:
            raise MediaError(
                f"{name} is {width} x {height} = {width * height / 1e6:.0f} megapixels, above the limit of "
                f"{max_pixels / 1e6:g}; raise it with max_pixels= or --max-pixels if you trust the file"
            )
        picture.load()
        return np.array(_to_rgb(_upright(picture), name))
    except UnidentifiedImageError as error:
        raise MediaError(f"{name} is not a picture in a format that can be read; is the extension right?") from error
    except MissingExtraError:
        raise
    # Pillow's decoders raise whatever their parser ran into: SyntaxError, struct.error, IndexError, zlib.error, ...
    except Exception as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{name} cannot be decoded, it is damaged or cut short: {why(error)}") from error


def _upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says."""
    from PIL.Image import Transpose

    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  EXIF that cannot be parsed says nothing about the pixels, which are fine
        return picture
    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _to_rgb(picture: Image.Image, name: str) -> Image.Image:
    from PIL import Image

    if picture.mode == "F":
        raise MediaError(f"{name} holds float pixels, whose range nobody knows; save it as 8 or 16 bits per channel")
    if picture.mode.startswith("I"):
        deep = np.asarray(picture).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise MediaError(f"{name} holds 32-bit pixels beyond 0..65535; save it as 8 or 16 bits per channel")
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        backdrop = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(backdrop, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _is_heif(head: bytes) -> bool:
    """Whether these first bytes open an ISO container with an HEVC-coded picture (AVIF is Pillow's own business)."""
    if head[4:8] != b"ftyp":
        return False
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, min(len(head), int.from_bytes(head[:4], "big")), 4))]
    return b"avif" not in brands and any(brand in _HEIF_BRANDS for brand in brands)


def _register_heif(name: str) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError(f'{name} is a HEIC picture: pip install "nasion[heic]" to read it') from error
    pillow_heif.register_heif_opener()


def _dtype_advice(image: np.ndarray[Any, Any]) -> str:
    if np.issubdtype(image.dtype, np.floating):
        if not np.isfinite(image).all():
            return "it also holds NaN or infinite values: find out where they come from before converting"
        return "for floats in 0..1 write (image * 255).round().astype(numpy.uint8)"
    if image.dtype == np.uint16:
        return "for the full 16-bit range write (image / 257).round().astype(numpy.uint8)"
    return "convert it to 0..255 first"


def _shape_advice(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[2] == 4:
        return "; drop or composite the alpha channel first, image[..., :3]"
    if len(shape) == 3 and shape[0] in (1, 3):
        return "; this looks like channels first, write image.transpose(1, 2, 0)"
    if len(shape) == 4:
        return "; for a batch pass the images one by one or use Analyzer.batch"
    return ""
