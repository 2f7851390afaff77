import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasion.core import MediaError
from nasion.report.html import WIDEST, Section, write_page

WILD = "<script>alert('x')</script> & \"quotes\""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def read(path: Path) -> tuple[str, Tags]:
    page, tags = path.read_text("utf-8"), Tags()
    tags.feed(page)
    return page, tags


def test_every_text_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    image = np.zeros((4, 4, 3), np.uint8)
    write_page(path, WILD, [Section(WILD, image, [WILD], [[WILD]], WILD)], note=WILD)
    page, tags = read(path)
    assert "script" not in tags.tags
    assert page.count("&lt;script&gt;") == 8  # two of the title and seven more, one of them in the picture's words


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_page(path, "t", [Section("s", np.zeros((4, 4, 3), np.uint8))])
    _, tags = read(path)
    assert all(address.startswith("data:") for address in tags.addresses)
    assert len(tags.addresses) == 1


def test_pictures_keep_their_colours_and_are_not_wider_than_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    image = np.zeros((100, 2 * WIDEST, 3), np.uint8)
    image[:] = (200, 30, 60)
    write_page(path, "t", [Section("s", image)])
    (code,) = re.findall(r"base64,([^\"]+)", read(path)[0])
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB"))
    assert shown.shape == (50, WIDEST, 3)
    assert abs(shown.astype(int) - (200, 30, 60)).max() < 5


def test_a_table_has_all_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(path, "t", [Section("s", None, ["a", "b"], [["1", "2"], ["3", "4"], ["5", "6"]])])
    _, tags = read(path)
    assert (tags.tags.count("th"), tags.tags.count("td"), tags.tags.count("img")) == (2, 6, 0)


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot write"):
        write_page(tmp_path / "file" / "page.html", "t", [])
