import importlib.util
import json

import pytest

from conftest import CHECKOUT
from nasion.core import InputError
from nasion.report.bench.leaderboard import leaderboard, newest_records
from nasion.report.bench.result import Result, Table, write


def record(name: str, date: str, value: str) -> dict:
    return {
        "benchmark": name, "date": f"{date}T10:00:00+00:00",
        "title": f"About {name}", "command": f"nasion bench {name}",
        "machine": {"commit": "abc123", "load": 0.3, "cores": 2}, "numbers": {}, "notes": ["Measured | once."],
        "tables": [{"title": "Errors", "columns": ["system", "NME %"], "rows": [["nasion", value], ["a|b", "-"]]}],
    }  # fmt: skip


@pytest.fixture
def results(tmp_path):
    rows = (("pose", "2026-01-02", "7.0"), ("landmarks", "2026-01-01", "4.0"), ("landmarks", "2026-01-03", "3.0"))
    for name, date, value in rows:
        (tmp_path / f"{date}-{name}.json").write_text(json.dumps(record(name, date, value)))
    return tmp_path


def test_the_newest_record_counts_landmarks_first(results):
    newest = newest_records(results)
    assert list(newest) == ["landmarks", "pose"]
    assert newest["landmarks"]["file"] == "2026-01-03-landmarks.json"


def test_each_figure_stands_under_command_date_and_commit(results):
    page = leaderboard(results)
    assert "| nasion | 3.0 |" in page and "4.0" not in page
    assert "`nasion bench landmarks`, 2026-01-03, commit `abc123`" in page
    assert r"| a\|b | - |" in page
    assert "| landmarks | `nasion bench landmarks` | 2026-01-03 10:00 | `abc123` | 0.3 on 2 cores |" in page
    assert "- Measured | once." in page


def test_what_is_written_can_be_read_back(tmp_path):
    table = Table("Speeds", ("system", "ms"), (("ours", 1.25), ("theirs", None)))
    write(Result("sample", "A sample", "nasion bench sample", (table,), {}), tmp_path)
    page = leaderboard(tmp_path)
    assert "### A sample" in page
    assert "| theirs | - |" in page


def test_older_records_without_tables_are_listed(tmp_path):
    old = record("video", "2025-01-01", "1")
    del old["tables"], old["title"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert "### video" in leaderboard(tmp_path)


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(InputError, match=r"broken\.json"):
        newest_records(tmp_path)


def test_the_manual_takes_the_committed_records():
    spec = importlib.util.spec_from_file_location("hooks", CHECKOUT / "docs" / "hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = (CHECKOUT / "docs" / "benchmarks.md").read_text()
    assert hooks.LEADERBOARD in page
    filled = hooks.on_page_markdown(page, config={"config_file_path": str(CHECKOUT / "mkdocs.yml")})
    assert hooks.LEADERBOARD not in filled
    assert "nasion bench landmarks" in filled
    assert "| nasion |" in filled or "### landmarks" in filled
