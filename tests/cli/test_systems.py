"""The verb `nasion systems`."""

import json

import pytest
import typer
from typer.testing import CliRunner

from nasion.cli.systems import systems_command
from nasion.systems import systems

app = typer.Typer()
app.command()(systems_command)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_json_lists_every_system() -> None:
    rows = json.loads(run("--json"))
    assert [row["slug"] for row in rows] == [row.slug for row in systems()]
    assert set(rows[0]) == {"slug", "name", "paper", "family", "status", "entry", "check", "bench", "measured"}


def test_filters_narrow_the_list() -> None:
    rows = json.loads(run("--json", "--family", "landmarks", "--status", "planned"))
    assert [r["slug"] for r in rows] == [s.slug for s in systems() if s.family == "landmarks" and s.status == "planned"]


def test_the_table_shows_slugs_and_counts() -> None:
    text = run()
    assert "caos" in text
    assert "120 systems" in text


@pytest.mark.parametrize("option", ["--family", "--status"])
def test_an_unknown_filter_is_bad_usage(option: str) -> None:
    result = CliRunner().invoke(app, [option, "nonsense"])
    assert result.exit_code == 2
    assert "nonsense" in result.output
