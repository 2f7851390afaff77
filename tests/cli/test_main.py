"""The verbs together: help, version, exit codes, errors as lines."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nasion import __version__
from nasion.cli.main import VERBS, load_verb


def test_help_names_every_verb_and_the_exit_codes(run: Callable[..., Any]) -> None:
    done = run("--help")
    assert done.exit_code == 0
    for verb, (_, line) in VERBS.items():
        assert verb in done.stdout
        assert line.split(":")[0] in done.stdout
    assert "2 bad usage" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_of_its_own(run: Callable[..., Any], verb: str) -> None:
    done = run(verb, "--help")
    assert done.exit_code == 0
    assert f"nasion {verb}" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_the_verb_says(verb: str) -> None:
    listed = VERBS[verb][1].rstrip(".")
    assert " ".join(load_verb(verb).help.split()).startswith(listed)


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from nasion.cli.main import app; app(['--help'], standalone_mode=False);"
        "sys.exit(' '.join(m for m in ('numpy', 'cv2', 'onnxruntime', 'av', 'pyarrow') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version(run: Callable[..., Any]) -> None:
    assert run("--version").stdout == f"nasion {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("fly",), ("analyze",), ("video", "x.mp4", "--nonsense"), ("analyze", "x.jpg", "--max-faces", "0"), ("video",)],
)
def test_bad_usage_is_2(run: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--tasks", "pose,telepathy"),
            "there is no task 'telepathy'; there are detect, landmarks, eye_points, pose, eyes",
        ),
        (("--tasks", ","), "at least one task"),
        (("--scheme", "ibug86"), "there is no scheme 'ibug86'"),
        (("--out", "faces.xls"), "use .parquet, .csv, .jsonl"),
        (("--resume",), "name it with --out"),
    ],
)
def test_wrong_values_are_2_and_one_line_says_what_to_do(
    run: Callable[..., Any], arguments: tuple[str, ...], words: str
) -> None:
    done = run("analyze", "x.jpg", *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("nasion: ")
    assert words in done.stderr
    assert "Traceback" not in done.output
