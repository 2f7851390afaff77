"""A page to open: pictures and their numbers in one HTML file that needs nothing else, no server and no script."""

from __future__ import annotations

import io
import os
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from nasion.core import ImageArray, MediaError
from nasion.media.paths import prepare_output, safe_name, why

WIDEST = 1200  # px; a page is for looking, the pictures themselves are written beside it

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
p { color: var(--soft); margin: .3rem 0; }
img { max-width: 100%; height: auto; border-radius: 6px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; }
"""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One part of a page.

    Attributes:
        title: plain text.
        image: RGB uint8 (H, W, 3), shown at most `WIDEST` px wide; None for none.
        header: headings of the table.
        rows: its cells, plain text, as many in each row as in ``header``.
        note: a line under the title, plain text.
    """

    title: str
    image: ImageArray | None = None
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""


def write_page(path: str | os.PathLike[str], title: str, sections: Sequence[Section], *, note: str = "") -> None:
    """Write a self-contained page; every text is escaped.

    Raises:
        MediaError: the file cannot be written.
    """
    target = prepare_output(path)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>',
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(note)}</p>" if note else "",
        *(_section(section) for section in sections),
        "</body></html>",
    ]
    try:
        target.write_text("\n".join(part for part in parts if part), encoding="utf-8")
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def _section(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    if section.note:
        parts.append(f"<p>{escape(section.note)}</p>")
    if section.image is not None:
        parts.append(f'<img src="{_embedded(section.image)}" alt="{escape(section.title)}">')
    if section.header:
        head = "".join(f"<th>{escape(word)}</th>" for word in section.header)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
        parts.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')
    return "\n".join([*parts, "</section>"])


def _embedded(image: ImageArray) -> str:
    """The picture as a ``data:`` address."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((WIDEST, WIDEST * 4))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88, subsampling=0)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
