"""The newest record of every benchmark as one page, so that each figure stands under its command, date and commit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasion.core import InputError

# Landmarks first, then what hangs on them; a benchmark that is not named comes after these, by name.
ORDER = ("landmarks", "robustness", "calibration", "dense", "detect", "pose", "video", "memory", "startup")


def newest_records(results: Path) -> dict[str, dict[str, Any]]:
    """The last record of each benchmark, in the order of the page.

    Args:
        results: the folder that ``nasion bench NAME --write`` writes to.

    Returns:
        Benchmark to record, with ``file`` added: the name of its JSON.

    Raises:
        InputError: a file there is no record.
    """
    newest: dict[str, dict[str, Any]] = {}
    for path in sorted(results.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            name, date = record["benchmark"], record["date"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is no record of a benchmark ({error!r}): measure it again or delete it"
            ) from error
        if name not in newest or date > newest[name]["date"]:
            newest[name] = record | {"file": path.name}
    place = {name: i for i, name in enumerate(ORDER)}
    return dict(sorted(newest.items(), key=lambda item: (place.get(item[0], len(ORDER)), item[0])))


def leaderboard(results: Path) -> str:
    """Markdown: a table of where the figures come from, then every benchmark's tables and notes."""
    records = newest_records(results)
    lines = [_row(("benchmark", "command", "measured", "commit", "load", "record")), _row(["---"] * 6)]
    lines += [_row(_origin(name, record)) for name, record in records.items()]
    for name, record in records.items():
        lines += ["", f"### {record.get('title', name)}", "", f"`{record['command']}`, {_when(record)}"]
        for table in record.get("tables", ()):
            lines += ["", f"**{table['title']}**", "", _row(table["columns"])]
            lines.append(_row(["---"] + ["---:"] * (len(table["columns"]) - 1)))
            lines += [_row(row) for row in table["rows"]]
        lines += ["", *(f"- {note}" for note in record["notes"])]
    return "\n".join(lines) + "\n"


def _origin(name: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    machine = record["machine"]
    load = machine.get("load")
    return (
        name,
        f"`{record['command']}`",
        str(record["date"])[:16].replace("T", " "),
        f"`{machine.get('commit') or 'unknown'}`",
        "-" if load is None else f"{load} on {machine['cores']} cores",
        f"`benchmarks/results/{record['file']}`",
    )


def _when(record: Mapping[str, Any]) -> str:
    return f"{str(record['date'])[:10]}, commit `{record['machine'].get('commit') or 'unknown'}`"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
