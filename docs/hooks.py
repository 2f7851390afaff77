"""MkDocs hook: puts the catalogue of systems into the page that asks for it, so that the page is never out of date."""

from itertools import groupby
from typing import Any

from nasion.systems import systems

MARK = "<!-- systems -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mark by one table per family."""
    return markdown.replace(MARK, "\n".join(_tables())) if MARK in markdown else markdown


def _tables() -> list[str]:
    lines = []
    for family, rows in groupby(systems(), key=lambda row: row.family):
        lines += [
            "",
            f"## {family}",
            "",
            "| slug | name | paper | status | entry | measured |",
            "|---|---|---|---|---|---|",
        ]
        for row in rows:
            entry = f"`{row.entry}`" if row.entry else ""
            cells = (f"`{row.slug}`", row.name, row.paper, row.status, entry, row.measured)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines
