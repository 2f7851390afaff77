"""Files, folders, globs and odd names become a list; bad ones become errors in that list."""

import os
from pathlib import Path

import pytest

from nasion.media.paths import prepare_output, safe_name
from nasion.media.sources import Source, find_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "clip.mp4", "notes.txt", ".hidden.jpg", "below/c.webp", ".cache/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(sources: list[Source], root: Path) -> list[str]:
    assert not any(source.error for source in sources)
    return [os.path.relpath(source.path, root) for source in sources]


def test_folders_are_sorted_and_filtered(folder: Path) -> None:
    assert names(find_sources([folder]), folder) == ["a.PNG", "b.jpg", "clip.mp4", "below/c.webp"]
    assert names(find_sources(folder, recursive=False), folder) == ["a.PNG", "b.jpg", "clip.mp4"]
    assert [source.kind for source in find_sources(folder)] == ["image", "image", "video", "image"]


def test_globs(folder: Path) -> None:
    assert names(find_sources(f"{folder}/*.jpg"), folder) == ["b.jpg"]
    assert names(find_sources([f"{folder}/**/*.webp"]), folder) == ["below/c.webp"]
    assert "nothing matches" in find_sources(f"{folder}/*.gif")[0].error


def test_a_file_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    path = tmp_path / "photo[1].jpg"
    path.write_bytes(b"x")
    assert find_sources(path) == [Source(str(path), "image")]


def test_each_source_once_in_the_order_given(folder: Path) -> None:
    assert names(find_sources([folder / "b.jpg", folder, folder / "b.jpg"]), folder)[:2] == ["b.jpg", "a.PNG"]
    assert len(find_sources([folder, folder])) == 4


def test_stdin() -> None:
    assert find_sources("-") == [Source("-", "image")]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"\0\0\0\x18ftypheic", "image"),
        (b"\x1a\x45\xdf\xa3", "video"),
        (b"RIFF\0\0\0\0AVI ", "video"),
        (b"RIFF\0\0\0\0WEBP", "image"),
        (b"\x89PNG", "image"),
        (b"", "image"),
    ],
)
def test_files_without_extension_are_known_by_their_first_bytes(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "file").write_bytes(head)
    assert find_sources(tmp_path / "file")[0].kind == kind


def test_bad_inputs_become_errors_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "empty").mkdir()
    sources = find_sources([folder / "absent.jpg", folder / "empty", "nul\0byte", folder / "b.jpg"])
    assert [bool(source.error) for source in sources] == [True, True, True, False]
    assert "no such file or folder" in sources[0].error
    assert "holds no pictures" in sources[1].error
    assert all(source.name in source.error for source in sources[:2])


def test_a_folder_that_cannot_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("below"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # the tests may run as root, whom no permission stops
    sources = find_sources(folder)
    assert [source.error for source in sources if source.error] == [f"cannot list {folder}/below: permission denied"]
    assert len(sources) == 4


def test_a_dangling_link_is_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    assert find_sources(tmp_path / "link.jpg") == [Source(str(tmp_path / "link.jpg"), "image")]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    try:
        Path(os.fsdecode(raw)).write_bytes(b"x")
    except OSError:
        return  # this file system takes UTF-8 only, so there is nothing to find
    (source,) = find_sources(tmp_path)
    assert os.fsencode(source.path) == raw
    assert source.name.endswith(r"caf\xe9.jpg")
    source.name.encode()


def test_safe_name_leaves_good_names_alone() -> None:
    for name in ("plain.jpg", "Zoë 顔.png", r"back\slash.jpg"):
        assert safe_name(name) == name
    assert safe_name("lone\ud800.jpg") == r"lone\ud800.jpg"
    assert safe_name(b"caf\xe9") == r"caf\xe9"


def test_prepare_output_makes_folders_and_leaves_nothing(tmp_path: Path) -> None:
    assert prepare_output(tmp_path / "a" / "b" / "out.csv") == tmp_path / "a" / "b" / "out.csv"
    assert list((tmp_path / "a" / "b").iterdir()) == []
