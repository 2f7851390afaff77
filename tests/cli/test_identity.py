"""``nasion identity`` and ``nasion assist``, with colours in place of the networks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nasion.identity
from fakes import COLOURS, picture
from nasion.core import FloatArray, ImageArray
from nasion.identity import embedding
from nasion.media import VideoWriter, write_image
from nasion.pipeline import assist, enrolment

Run = Callable[..., Any]


class ByColour:
    """Stands for the network."""

    def __init__(self, *_: object, **__: object) -> None:
        self.name = "colours"

    def __call__(self, image: ImageArray, faces: Any) -> FloatArray:
        rows = np.zeros((len(faces), 8), np.float32)
        for row, face in zip(rows, faces, strict=True):
            x, y = (int(v) for v in face.box.center)
            away = [np.linalg.norm(image[y, x].astype(float) - np.array(c)) for c in COLOURS.values()]
            row[int(np.argmin(away))] = 1
        return rows


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nasion.identity, "FaceEmbedder", ByColour, raising=False)
    for module in (assist, enrolment):
        monkeypatch.setattr(module, "quality", lambda *_: embedding.Quality(80, 0, 1, ""))
    monkeypatch.setenv("NASION_GALLERY", str(tmp_path / "people.npz"))


@pytest.fixture
def anna(tmp_path: Path) -> Path:
    path = tmp_path / "anna.png"
    write_image(path, picture(("red", 100, 100, 80)))
    return path


def test_enrol_list_delete(run: Run, anna: Path, tmp_path: Path) -> None:
    done = run("identity", "enrol", "Anna", anna)
    assert done.exit_code == 0, done.output
    assert "1 kept" in done.stdout and "people who agreed" in " ".join(done.stdout.split())
    assert json.loads(run("identity", "list", "--json").stdout)["people"] == {"Anna": 1}
    assert run("identity", "enrol", "Anna", anna).exit_code == 2
    second = run("identity", "enrol", "Annie", anna)
    assert second.exit_code == 2 and "looks like Anna" in second.stderr and "--merge" in second.stderr
    assert run("identity", "enrol", "Anna", anna, "--merge").exit_code == 0
    assert run("identity", "enrol", "Annie", anna, "--new").exit_code == 0
    assert "2 enrolled" in run("identity", "list").stdout
    assert run("identity", "delete", "Anna").exit_code == 0
    assert list(json.loads(run("identity", "list", "--json").stdout)["people"]) == ["Annie"]
    assert run("identity", "delete", "Anna").exit_code == 2
    missing = run("identity", "enrol", "Ben", tmp_path / "no.png")
    assert missing.exit_code == 2 and "no such file" in missing.stderr


def test_calibrate_asks_for_enough_people(run: Run, tmp_path: Path) -> None:
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "green")):
        write_image(tmp_path / "people" / name / "1.png", picture((colour, 100, 100, 80)))
    few = run("identity", "calibrate", tmp_path / "people")
    assert few.exit_code == 2 and "more people" in few.stderr
    done = run("identity", "calibrate", tmp_path / "people", "--rate", "0.2")
    assert done.exit_code == 0 and "3 people, 6 comparisons" in done.stdout
    assert json.loads(run("identity", "list", "--json").stdout)["tau"] < 0.1


def test_assist_says_who_is_there_once(run: Run, anna: Path, tmp_path: Path) -> None:
    run("identity", "enrol", "Anna", anna)
    with VideoWriter(tmp_path / "clip.mp4", 10.0) as writer:
        for i in range(30):
            writer.write(picture(("red", 50 + i % 3, 120, 50), ("blue", 260, 120, 30)))
    plain = run("assist", tmp_path / "clip.mp4", "--scene", "2")
    assert plain.exit_code == 0, plain.output
    assert plain.stdout.count("Anna, left, about") == 2  # the line and the scene
    assert plain.stdout.count("2 people: Anna") == 1
    rows = [json.loads(line) for line in run("assist", tmp_path / "clip.mp4", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows if row["kind"] == "known"] == ["Anna"]
    assert {row["kind"] for row in rows} <= {"known", "unknown", "obstacle"}
    run("identity", "delete", "Anna")
    nobody = run("assist", tmp_path / "clip.mp4", "--json")
    assert "Anna" not in nobody.stdout and "nobody is enrolled" in nobody.stderr


def test_what_cannot_be_seen_is_said(run: Run, tmp_path: Path) -> None:
    assert run("assist", tmp_path / "no.mp4").exit_code == 1
    assert "there is no camera 97" in run("assist", "camera:97").stderr


def test_enrol_from_a_clip(run: Run, face_clip: Path) -> None:
    done = run("identity", "enrol", "Anna", face_clip)
    assert done.exit_code == 0 and "Anna: " in done.stdout
