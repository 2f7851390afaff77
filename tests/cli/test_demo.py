"""``nasion demo``, with the real models and the real photos."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasion.cli import demo
from nasion.media import read_image, read_table

Run = Callable[..., Any]


def test_both_photos_give_a_face_a_picture_a_row_and_a_page(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real models
    done = run("demo", "--out", tmp_path / "demo")
    assert done.exit_code == 0, done.output
    table = read_table(tmp_path / "demo" / "faces.parquet").to_pylist()
    assert [(row["source"], row["face"]) for row in table] == [("astronaut.png", 0), ("grace_hopper.jpg", 0)]
    # the tips of the noses, judged by eye
    for row, (x, y) in zip(table, [(223, 127), (268, 236)], strict=True):
        assert row["x0"] < x < row["x1"]
        assert row["y0"] < y < row["y1"]
    for name in ("astronaut", "grace_hopper"):
        assert read_image(tmp_path / "demo" / f"{name}.png").shape[1] == 512
    page = (tmp_path / "demo" / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    for path in ("astronaut.png", "grace_hopper.png", "faces.parquet", "index.html"):
        assert f"wrote {tmp_path / 'demo' / path}" in done.stdout


def test_without_the_photos_the_extra_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    done = run("demo", "--out", tmp_path)
    assert done.exit_code == 1
    assert 'pip install "nasion[demo]"' in done.stderr
