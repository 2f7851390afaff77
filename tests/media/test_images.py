"""Pictures in every shape they come, and every way they go wrong."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nasion.core import ImageArray, InputError, MediaError, MissingExtraError
from nasion.media import images
from nasion.media.images import check_image, read_image, write_image


def gradient(height: int = 24, width: int = 40) -> ImageArray:
    """A smooth picture whose four corners differ."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x // (width - 1), 255 * y // (height - 1), 128 + 0 * x], axis=2).astype(np.uint8)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and ends: nothing to decode."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("extension", "tolerance"),
    [("png", 0), ("bmp", 0), ("tiff", 0), ("webp", 12), ("jpg", 12), ("avif", 12), ("jp2", 12)],
)
def test_formats_give_the_same_rgb(tmp_path: Path, extension: str, tolerance: int) -> None:
    path = tmp_path / f"picture.{extension}"
    Image.fromarray(gradient()).save(path)
    read = read_image(path)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert read.flags.writeable
    assert np.abs(read.astype(int) - gradient()).max() <= tolerance


def test_path_bytes_and_stdin_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(gradient()).save(path)
    data = path.read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    for source in (str(path), path, data, bytearray(data), memoryview(data), "-"):
        assert np.array_equal(read_image(source), gradient())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    upright = gradient()
    # What a camera would store, for the viewer's turn to bring it upright again (EXIF 2.3, tag 0x0112).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif.tobytes(), quality=95))
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).max() <= 12


def test_broken_exif_does_not_cost_the_picture() -> None:
    data = encoded(Image.fromarray(gradient()), "PNG", exif=b"Exif\x00\x00neither of the two byte orders")
    assert np.array_equal(read_image(data), gradient())


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        read = read_image(encoded(Image.fromarray(deep), kind))
        assert np.array_equal(read[:, :, 0].ravel(), np.arange(256))
        assert np.array_equal(read[:, :, 0], read[:, :, 2])


def test_pixels_of_unknown_range_are_refused() -> None:
    with pytest.raises(MediaError, match="float pixels"):
        read_image(encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"))
    with pytest.raises(MediaError, match="32-bit"):
        read_image(encoded(Image.fromarray(np.full((4, 4), 1 << 20, np.int32)), "TIFF"))


def test_grey_palette_and_one_bit_become_rgb() -> None:
    picture = Image.fromarray(gradient())
    for mode in ("L", "P", "1"):
        read = read_image(encoded(picture.convert(mode), "PNG"))
        assert read.shape == (24, 40, 3)
        assert np.array_equal(read, np.asarray(picture.convert(mode).convert("RGB")))


def test_cmyk_colours_are_not_inverted() -> None:
    red = Image.new("RGB", (16, 16), (220, 30, 30)).convert("CMYK")
    for kind in ("JPEG", "TIFF"):
        pixel = read_image(encoded(red, kind))[8, 8].astype(int)
        assert np.abs(pixel - (220, 30, 30)).max() <= 12


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "RGB"])
def test_transparent_parts_are_white(kind: str) -> None:
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    picture.paste((10, 10, 10, 255), (0, 0, 2, 4))
    if kind == "RGB":  # a PNG that calls one colour transparent
        data = encoded(Image.fromarray(np.array(picture)[:, :, :3]), "PNG", transparency=(0, 0, 0))
    else:
        data = encoded(picture.convert(kind), "PNG")
    read = read_image(data)
    assert read[0, 0].max() <= 12
    assert read[0, 3].tolist() == [255, 255, 255]


def test_half_transparent_is_half_white() -> None:
    read = read_image(encoded(Image.new("RGBA", (2, 2), (0, 100, 200, 128)), "PNG"))
    assert np.abs(read[0, 0].astype(int) - (127, 177, 227)).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_first_picture_of_an_animation(kind: str) -> None:
    first, second = (Image.new("RGB", (8, 8), color) for color in ((200, 0, 0), (0, 0, 200)))
    options = {"lossless": True} if kind == "WEBP" else {}
    read = read_image(encoded(first, kind, save_all=True, append_images=[second], duration=100, **options))
    assert read[4, 4].tolist() == [200, 0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (10, 10000), (10000, 10)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    assert read_image(encoded(Image.new("RGB", shape[::-1]), "PNG")).shape == (*shape, 3)


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(MediaError, match=r"30000 x 30000 = 900 megapixels.*max_pixels= or --max-pixels"):
        read_image(png_header(30000, 30000))


def test_the_limit_is_exact_and_can_be_raised() -> None:
    data = encoded(Image.fromarray(gradient()), "PNG")
    with pytest.raises(MediaError, match="max-pixels"):
        read_image(data, max_pixels=24 * 40 - 1)
    assert read_image(data, max_pixels=24 * 40).shape == (24, 40, 3)
    with pytest.raises(MediaError, match="damaged or cut short"):  # past the header check, on to the missing pixels
        read_image(png_header(12000, 12000), max_pixels=200_000_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated_files_are_errors_not_half_pictures(tmp_path: Path, kind: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(MediaError, match="cut"):
        read_image(path)


def test_empty_file_text_and_folder(tmp_path: Path) -> None:
    for name, content, words in [
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"hello, no picture here", "not a picture"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match=f"{name}.*{words}"):
            read_image(tmp_path / name)
    with pytest.raises(MediaError, match="cannot open"):
        read_image(tmp_path)


def test_missing_path_and_impossible_names(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no such file: .*absent\.png"):
        read_image(tmp_path / "absent.png")
    for name in ("nul\0byte.png", "lone\ud800surrogate.png"):
        with pytest.raises(MediaError):
            read_image(name)
    with pytest.raises(InputError, match="path, '-' or bytes"):
        read_image(3)  # type: ignore[arg-type]  # on purpose


def test_unreadable_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "secret.png")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, whom no permission stops
    with pytest.raises(MediaError, match=r"cannot open .*secret\.png: permission denied"):
        read_image(tmp_path / "secret.png")


def test_heic_without_the_plug_in_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    head = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic"
    with pytest.raises(MissingExtraError, match=r"nasion\[heic\]"):
        read_image(head + bytes(64))
    assert not images._is_heif(struct.pack(">I", 24) + b"ftypavif\0\0\0\0mif1avif")


def test_heic_is_opened_by_the_plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(register_heif_opener=lambda: asked.append(True)))
    with pytest.raises(MediaError):  # the stand-in registers nothing, so Pillow does not know the format
        read_image(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(64))
    assert asked


def test_check_image_takes_pictures_as_they_are() -> None:
    picture = gradient()
    assert check_image(picture) is picture
    turned = check_image(picture[:, ::-1])
    assert turned.flags.c_contiguous
    assert np.array_equal(turned, picture[:, ::-1])


def test_check_image_makes_grey_rgb() -> None:
    grey = gradient()[:, :, 0]
    for image in (grey, grey[:, :, None]):
        assert np.array_equal(check_image(image), np.dstack([grey] * 3))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3), np.float32), r"image \* 255"),
        (np.full((4, 4, 3), np.nan), "NaN or infinite"),
        (np.full((4, 4, 3), np.inf, np.float32), "NaN or infinite"),
        (np.zeros((4, 4, 3), np.uint16), "image / 257"),
        (np.zeros((4, 4, 3), np.int64), "convert it to 0..255"),
        (np.zeros((4, 4, 3), bool), "uint8"),
        (np.zeros((4, 4, 4), np.uint8), "alpha"),
        (np.zeros((3, 40, 40), np.uint8), "transpose"),
        (np.zeros((2, 4, 4, 3), np.uint8), "batch"),
        (np.zeros(12, np.uint8), r"\(H, W, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
        ([[1, 2], [3, 4]], "NumPy array"),
        (Image.new("RGB", (2, 2)), r"convert\('RGB'\)"),
        (None, "NoneType"),
    ],
)
def test_check_image_teaches(image: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_image(image)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tiff"])
def test_written_pictures_read_back(tmp_path: Path, extension: str) -> None:
    path = tmp_path / "new" / "folder" / f"out.{extension}"
    write_image(path, gradient())
    assert np.abs(read_image(path).astype(int) - gradient()).max() <= (0 if extension in ("png", "tiff") else 16)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_write_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"out\.xyz.*use \.png"):
        write_image(tmp_path / "out.xyz", gradient())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaError, match=r"out\.png"):
        write_image(tmp_path / "file" / "out.png", gradient())
    with pytest.raises(MediaError, match="it is a folder"):
        write_image(tmp_path, gradient())


def test_full_disk_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    write_image(path, gradient())

    def full(self: Image.Image, target: Path, **_: object) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(MediaError, match=r"out\.png: no space left"):
        write_image(path, np.zeros((2, 2, 3), np.uint8))
    assert np.array_equal(read_image(path), gradient())
    assert list(tmp_path.iterdir()) == [path]


def test_reading_pictures_loads_no_heavy_library() -> None:
    code = "import sys, nasion.media, nasion.media.images; print({'av', 'pyarrow', 'cv2'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
