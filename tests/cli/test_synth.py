"""``nasion synth``: what lands in the folder, and how bad wishes end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from conftest import rgb
from nasion.media import open_video
from nasion.synth.events import read_events

Run = Callable[..., Any]
QUICK = ("--size", 64, "--seed", 3)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_same_seed_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert run("synth", "--n", 5, *QUICK, "--occlude", 0.5, "--out", tmp_path / folder).exit_code == 0
    assert names(tmp_path / "a") == [*(f"{i}.png" for i in range(5)), "contact.png", "truth.parquet"]
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert run("synth", "--n", 5, "--size", 64, "--seed", 4, "--out", tmp_path / "c").exit_code == 0
    assert (tmp_path / "a" / "0.png").read_bytes() != (tmp_path / "c" / "0.png").read_bytes()


def test_a_row_per_picture_that_fits_it(run: Run, tmp_path: Path) -> None:
    options = ("--yaw", "20:40", "--pitch", "0", "--tone", "9:10", "--expression", "happy", "--light", "sun")
    done = run("synth", "--n", 3, "--size", "96x64", *options, "--degrade", 0, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "3 pictures, seed 0" in done.stdout
    rows = pq.read_table(tmp_path / "truth.parquet").to_pylist()
    assert [row["file"] for row in rows] == ["0.png", "1.png", "2.png"]
    for row in rows:
        assert rgb(tmp_path / row["file"]).shape == (64, 96, 3)
        assert (row["width"], row["height"]) == (96, 64)
        assert 20 <= row["yaw"] <= 40
        assert row["pitch"] == 0
        assert row["tone"] >= 9
        assert row["expression"] == "happy"
        assert row["au12_left"] > 0.4
        assert row["light"] == "sun"
    with Image.open(tmp_path / "contact.png") as sheet:
        assert sheet.width > 200


def test_a_stereo_rig_gives_two_views(run: Run, tmp_path: Path) -> None:
    assert run("synth", "--n", 2, *QUICK, "--stereo", 60, "--out", tmp_path).exit_code == 0
    rows = pq.read_table(tmp_path / "truth.parquet").to_pylist()
    assert [(row["file"], row["view"]) for row in rows[:2]] == [("0_left.png", "left"), ("0_right.png", "right")]
    assert rows[0]["tx"] - rows[1]["tx"] == pytest.approx(60)
    assert rows[0]["points3d"] == pytest.approx(rows[1]["points3d"], abs=1e-3)


def test_maps(run: Run, tmp_path: Path) -> None:
    assert (
        run("synth", "--n", 1, *QUICK, "--occlude", 1, "--occluder", "bar", "--maps", "--out", tmp_path).exit_code == 0
    )
    with np.load(tmp_path / "0.npz") as maps:
        assert maps["depth"].shape == maps["regions"].shape == maps["occluder"].shape == (64, 64)
        assert maps["normals"].shape == maps["albedo"].shape == maps["barycentric"].shape == (64, 64, 3)
        assert (maps["occluder"] == 0).any()
        assert (maps["triangle"][maps["occluder"] == 0] == -1).all()


def test_clips_with_phases_and_events(run: Run, tmp_path: Path) -> None:
    options = ("--video", "blink,nod", "--seconds", 1, "--fps", 20, "--events")
    done = run("synth", "--n", 1, *QUICK, *options, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert names(tmp_path) == ["0.mp4", "0_events.npz", "contact.png", "motion.parquet", "truth.parquet"]
    rows = pq.read_table(tmp_path / "truth.parquet").to_pylist()
    assert len(list(open_video(tmp_path / "0.mp4"))) == len(rows) == 20
    assert [row["frame"] for row in rows] == list(range(20))
    assert rows[7]["time_s"] == pytest.approx(0.35)
    assert {row["phase_nod"] for row in rows} == {"nod", "still"}
    assert "closing" in {row["phase_blink"] for row in rows}
    assert {row["phase_speech"] for row in rows} == {None}
    events, size = read_events(tmp_path / "0_events.npz")
    assert size == (64, 64)
    assert len(events) > 100
    assert (np.diff(events["t_us"]) >= 0).all()
    happened = pq.read_table(tmp_path / "motion.parquet").to_pylist()
    assert {row["script"] for row in happened} == {"blink", "nod"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--n", 0), "--n must be 1.."),
        (("--size", 8), "16 to 4096"),
        (("--size", 10_000), "16 to 4096"),
        (("--size", "big"), "--size must be like"),
        (("--yaw", "left"), "--yaw must be a number or a range"),
        (("--yaw", "60:-60"), "lowest first"),
        (("--tone", "0:3"), "tone must be a range within 1..10"),
        (("--expression", "bored"), "there is no expression 'bored'"),
        (("--occlude", 2), "probability"),
        (("--occluder", "cat"), "no occluder 'cat'"),
        (("--light", "neon"), "no light 'neon'"),
        (("--seed", -1), "--seed must be 0 or more"),
        (("--events",), "add --video"),
        (("--video", "dance"), "no motion script 'dance'"),
        (("--video", "blink", "--stereo", 60), "--stereo and --maps are for pictures"),
        (("--stereo", -5), "baseline"),
    ],
)
def test_bad_wishes_are_2_and_leave_nothing(
    run: Run, tmp_path: Path, arguments: tuple[object, ...], words: str
) -> None:
    done = run("synth", *arguments, "--out", tmp_path / "d")
    assert done.exit_code == 2
    assert words in done.stderr
    assert not list((tmp_path / "d").glob("*.png"))


def test_no_folder_named(run: Run) -> None:
    done = run("synth", "--n", 2)
    assert done.exit_code == 2
    assert "--out DIR" in done.stderr


def test_a_folder_that_cannot_be_written_is_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = run("synth", "--n", 1, *QUICK, "--out", tmp_path / "file")
    assert done.exit_code == 1
    assert "cannot write" in done.stderr


def test_fit_takes_the_largest_face_and_says_so(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run("synth", "fit", photos / "b.png", "--out", tmp_path / "fit")
    assert done.exit_code == 0, done.output
    assert "2 faces; the largest was taken" in done.stderr
    assert "% of the eye distance" in done.stdout
    assert names(tmp_path / "fit") == ["fit.json", "fit.png"]
    assert rgb(tmp_path / "fit" / "fit.png").shape == (320, 1280, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("c.png",), 2, "c.png: no face was found"),
        (("none.png",), 1, "none.png"),
        (("a.png", "--fov", "200"), 2, "--fov"),
    ],
)
def test_fits_that_cannot_be(run: Run, photos: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    first, *rest = arguments
    done = run("synth", "fit", photos / first, *rest, "--out", photos / "fit")
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert not (photos / "fit").exists()


def test_fit_names_a_folder_it_cannot_write(run: Run, photos: Path) -> None:
    done = run("synth", "fit", photos / "a.png", "--out", photos / "a.png")
    assert done.exit_code == 1
    assert "cannot write" in done.stderr
