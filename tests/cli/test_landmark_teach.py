"""``nasion landmark teach`` and ``find``: from clicks in a table to regions on pictures."""

import json

import numpy as np
import pytest

from fakes import picture
from nasion.media import read_image, write_image

SIDE = 80


@pytest.fixture
def clicks(tmp_path):
    """Twelve photos of a red square, each with a click a little to the lower right of its middle, and a table."""
    rng = np.random.default_rng(0)
    rows = ["file,x,y,point"]
    for i in range(12):
        x, y = 110 + 5 * i, 90 + 4 * i
        write_image(tmp_path / "photos" / f"{i}.png", picture(("red", x, y, SIDE)))
        dx, dy = rng.normal(0, 1.5, 2)
        rows.append(f"{i}.png,{x + 16 + dx:.2f},{y + 10 + dy:.2f},spot")
    (tmp_path / "clicks.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def taught(run, clicks):
    done = run("landmark", "teach", clicks / "clicks.csv", clicks / "photos", "--out", clicks / "taught.npz")
    assert done.exit_code == 0, done.output
    assert "spot: 12 examples, regions for --alpha 0.077 and above" in done.stdout
    return clicks / "taught.npz"


def test_a_taught_point_is_found_on_every_face(run, taught, tmp_path):
    write_image(tmp_path / "new" / "two.png", picture(("red", 90, 120, SIDE), ("blue", 230, 110, SIDE)))
    write_image(tmp_path / "new" / "none.png", picture())
    done = run("landmark", "find", taught, tmp_path / "new", "--json", "--draw", tmp_path / "drawn")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["face"] for row in rows] == [-1, 0, 1]
    for row in rows[1:]:
        center = {0: (90, 120), 1: (230, 110)}[row["face"]] if row["x"] < 160 else (230, 110)
        assert np.hypot(row["x"] - center[0] - 16, row["y"] - center[1] - 10) < 6
        assert row["point"] == "spot"
        assert 0 < row["face_share"] < 0.1
        outline = np.concatenate([np.array(line) for line in row["outlines"]])
        assert np.hypot(*(outline - (row["x"], row["y"])).T).max() < 20
    drawn = read_image(tmp_path / "drawn" / "two.jpg")
    assert (drawn != read_image(tmp_path / "new" / "two.png")).any()
    words = run("landmark", "find", taught, tmp_path / "new")
    assert "no face" in words.stdout
    assert "0.9 of the time" in words.stdout


def test_a_slip_of_the_hand_is_pointed_at(run, clicks):
    rows = (clicks / "clicks.csv").read_text().splitlines()
    name, x, y, kind = rows[4].split(",")
    rows[4] = f"{name},{float(x) - 30},{y},{kind}"
    (clicks / "slip.csv").write_text("\n".join(rows))
    done = run("landmark", "teach", clicks / "slip.csv", clicks / "photos", "--out", clicks / "slip.npz")
    assert f"look at {clicks / 'photos' / '3.png'} again" in done.stdout
    clean = run("landmark", "teach", clicks / "clicks.csv", clicks / "photos", "--out", clicks / "clean.npz")
    assert "again" not in clean.stdout


def test_too_few_examples_explain_themselves(run, clicks):
    rows = (clicks / "clicks.csv").read_text().splitlines()
    (clicks / "eight.csv").write_text("\n".join(rows[:9]))
    done = run("landmark", "teach", clicks / "eight.csv", clicks / "photos", "--out", clicks / "eight.npz")
    assert done.exit_code == 0
    assert "9 are needed for 0.1" in done.stdout
    done = run("landmark", "find", clicks / "eight.npz", clicks / "photos")
    assert done.exit_code == 2
    for words in ("8 examples", "rank 9", "whole picture", "alpha 0.111", "takes 9"):
        assert words in done.stderr
    assert run("landmark", "find", clicks / "eight.npz", clicks / "photos", "--alpha", 0.2).exit_code == 0


def test_a_photo_that_cannot_be_used_is_named_and_the_rest_teaches(run, clicks):
    table = clicks / "clicks.csv"
    write_image(clicks / "photos" / "empty.png", picture())
    table.write_text(table.read_text() + "gone.png,1,1,spot\nempty.png,5,5,spot\n0.png,900,5,other\n")
    done = run("landmark", "teach", table, clicks / "photos", "--out", clicks / "t.npz")
    assert done.exit_code == 2  # nothing is left of `other`
    assert "'other' is marked on 0 photos" in done.stderr
    table.write_text(table.read_text().replace("0.png,900,5,other\n", ""))
    done = run("landmark", "teach", table, clicks / "photos", "--out", clicks / "t.npz")
    assert done.exit_code == 1
    assert "gone.png" in done.stderr
    assert "no face was found" in done.stderr
    assert "12 examples" in done.stdout


def test_an_input_that_fails_is_named_and_the_rest_is_found(run, taught, tmp_path):
    done = run("landmark", "find", taught, tmp_path / "photos" / "3.png", tmp_path / "gone.png", "--json")
    assert done.exit_code == 1
    assert "gone.png" in done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,a,b\n0.png,1,2\n", "columns file, x and y"),
        ("file,x,y\n", "holds no clicks"),
        ("file,x,y\n0.png,1,2\n0.png,3,4\n", "marked twice"),
        ("file,x,y\n0.png,left,2\n", "columns file, x and y"),
    ],
)
def test_tables_that_are_none_are_refused(run, clicks, rows, message):
    (clicks / "bad.csv").write_text(rows)
    done = run("landmark", "teach", clicks / "bad.csv", clicks / "photos", "--out", clicks / "t.npz")
    assert done.exit_code == 2
    assert message in done.stderr


def test_only_npz_is_written_and_nonsense_is_no_promise(run, clicks, taught):
    done = run("landmark", "teach", clicks / "clicks.csv", clicks / "photos", "--out", clicks / "t.json")
    assert done.exit_code == 2
    assert ".npz" in done.stderr
    done = run("landmark", "find", taught, clicks / "photos", "--alpha", 1.5)
    assert done.exit_code == 2
    assert "between 0 and 1" in done.stderr
