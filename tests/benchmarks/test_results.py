import json

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from nasion.cli.bench import bench_app
from nasion.core import MediaError
from nasion.report.bench.machine import describe_machine
from nasion.report.bench.result import Result, Table, command_line, show, write


def result() -> Result:
    return Result(
        name="sample",
        title="A sample",
        command=command_line("sample", ["a", "b"], 3),
        tables=(Table("Speeds", ("system", "ms"), (("ours", 1.25), ("theirs", None))),),
        numbers={"ours": 1.25},
        notes=("Measured once.",),
        plots={"line": lambda figure: figure.subplots().plot([0, 1], [0, 1])},
    )


def test_a_result_is_kept_as_json_markdown_and_plots(tmp_path):
    data, page, plot = write(result(), tmp_path / "new")
    record = json.loads(data.read_text())
    assert record["numbers"] == {"ours": 1.25}
    assert record["command"] == "nasion bench sample --peers a,b --limit 3"
    assert {"cpu", "cores", "python", "commit", "libraries"} <= set(record["machine"])
    text = page.read_text()
    assert "| theirs | - |" in text
    assert f"]({plot.name})" in text
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert data.name.endswith("-sample.json")
    assert record["date"][:10] == data.name[:10]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="--results"):
        write(result(), tmp_path / "file" / "results")


def test_a_number_that_json_cannot_hold_is_refused(tmp_path):
    broken = Result("x", "x", "x", (), {"nme": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        write(broken, tmp_path)


def test_it_shows_in_a_terminal():
    console = Console(width=80, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(show(result()))
    assert "theirs" in capture.get()
    assert "Measured once." in capture.get()


def test_the_machine_says_which_commit_it_runs():
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert machine["nasion"]
    assert machine["libraries"]["numpy"] == np.__version__


def test_the_verb_says_where_data_are_missing(tmp_path, monkeypatch):
    run = CliRunner().invoke(bench_app, ["landmarks", "--data", str(tmp_path / "nowhere")])
    assert run.exit_code == 2
    assert "nowhere" in run.stderr
    assert "NASION_DATA" in run.stderr


@pytest.mark.usefixtures("fake_models")
def test_the_verb_prints_json_and_writes(bench_data, tmp_path):
    results = tmp_path / "results"
    run = CliRunner().invoke(
        bench_app, ["landmarks", "--data", str(bench_data), "--json", "--write", "--results", str(results)]
    )
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["systems"]["nasion"]["missed"] == 0
    assert len(list(results.glob("*-landmarks*"))) == 3
