"""MkDocs hook: puts the catalogue of systems and the newest measurements into the pages that ask for them.

So these pages are never out of date.
"""

from itertools import groupby
from pathlib import Path
from typing import Any

from nasion.report.bench.leaderboard import leaderboard
from nasion.systems import systems

SYSTEMS, LEADERBOARD = "<!-- systems -->", "<!-- leaderboard -->"


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Replace the marks: one table per family of systems; the tables of the newest benchmark records."""
    if SYSTEMS in markdown:
        markdown = markdown.replace(SYSTEMS, "\n".join(_tables()))
    if LEADERBOARD in markdown:
        results = Path(config["config_file_path"]).parent / "benchmarks" / "results"
        markdown = markdown.replace(LEADERBOARD, leaderboard(results))
    return markdown


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
