"""``nasion landmark match``."""

import json

import numpy as np
import pytest

from fakes import picture
from nasion.core import Landmarks, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.landmark.matching import mean_face
from nasion.media import read_image, write_image, write_pts


def points_file(path, points, names=None):
    rows = [f"{'' if names is None else names[i]},{x},{y}" for i, (x, y) in enumerate(points)]
    path.write_text("\n".join(["name,x,y", *rows]) + "\n")
    return path


def test_layouts_are_matched_and_drawn(run, tmp_path):
    done = run("landmark", "match", "ibug68", "occ100", "--draw", tmp_path / "pairs.png")
    assert done.exit_code == 0, done.output
    assert "58 pairs" in done.stdout
    assert "ambiguous" in done.stdout
    assert "and 18 more pairs" in done.stdout
    drawn = read_image(tmp_path / "pairs.png")
    assert (abs(drawn.astype(int) - (255, 140, 60)).sum(axis=2) < 60).any()  # an ambiguous pair


def test_layouts_as_json(run):
    done = run("landmark", "match", "ibug68", "occ100", "--json")
    held = json.loads(done.stdout)
    assert held["unit"] == "mm"
    assert {"a": "nose_tip", "b": "nose_tip"}.items() <= next(p for p in held["pairs"] if p["a"] == "nose_tip").items()
    assert len(held["alone_b"]) == 42
    fewer = json.loads(run("landmark", "match", "ibug68", "occ100", "--json", "--limit", "2").stdout)
    assert len(fewer["pairs"]) < 40
    assert max(pair["cost"] for pair in fewer["pairs"]) <= 2


def test_points_of_one_picture_and_of_two(run, tmp_path):
    face = mean_face("ibug68")[:, :2] * 3 + 300
    write_pts(tmp_path / "a.pts", Landmarks.from_points(face, scheme("ibug68")))
    order = np.random.default_rng(0).permutation(68)[:60]
    near = points_file(tmp_path / "b.csv", face[order] + 0.2, [f"p{i}" for i in order])
    held = json.loads(run("landmark", "match", tmp_path / "a.pts", near, "--json").stdout)
    names = scheme("ibug68").names
    assert [pair["b"] for pair in held["pairs"]] == [f"p{names.index(pair['a'])}" for pair in held["pairs"]]
    assert len(held["alone_a"]) == 8
    turned = face @ np.array([[0.0, -2.0], [2.0, 0.0]]) - 70
    far = points_file(tmp_path / "c.csv", turned[order], [f"p{i}" for i in order])
    held = json.loads(run("landmark", "match", tmp_path / "a.pts", far, "--json", "--align").stdout)
    assert [pair["b"] for pair in held["pairs"]] == [f"p{names.index(pair['a'])}" for pair in held["pairs"]]


def rig_file(path, degrees=30.0, distance=800.0):
    turn, face = angles_to_rotation(degrees, 0, 0), np.array([0, 0, distance])
    inside = {"fx": 800.0, "fy": 800.0, "cx": 160.0, "cy": 120.0}
    views = {
        "a": {**inside, "rotation": np.eye(3).tolist(), "translation": [0.0, 0.0, 0.0]},
        "b": {**inside, "rotation": turn.tolist(), "translation": (face - turn @ face).tolist()},
    }
    path.write_text(json.dumps(views))
    return path


@pytest.mark.parametrize("cost", ["ray", "epipolar"])
def test_two_views_of_points(run, tmp_path, cost):
    rng = np.random.default_rng(0)
    world = np.stack([rng.uniform(-70, 70, 20), rng.uniform(-90, 90, 20), 800 + rng.uniform(-30, 30, 20)], axis=1)
    turn = angles_to_rotation(30, 0, 0)
    shift = np.array([0, 0, 800.0]) - turn @ [0, 0, 800.0]
    order = rng.permutation(20)
    seen = [p[:, :2] / p[:, 2:] * 800 + (160, 120) for p in (world, world @ turn.T + shift)]
    a = points_file(tmp_path / "a.csv", seen[0])
    b = points_file(tmp_path / "b.csv", seen[1][order], [str(i) for i in order])
    done = run("landmark", "match", a, b, "--rig", rig_file(tmp_path / "rig.json"), "--cost", cost, "--json")
    held = json.loads(done.stdout)
    assert all(pair["a"] == pair["b"] for pair in held["pairs"])
    assert held["unit"] == ("px" if cost == "epipolar" else "rig unit")


def test_two_pictures_of_two_faces(run, tmp_path):
    for name in ("a.png", "b.png"):  # the two squares stand 800 mm away: the same place in both views of a still rig
        write_image(tmp_path / name, picture(("red", 90, 100, 60), ("blue", 230, 120, 60)))
    rig = rig_file(tmp_path / "rig.json", degrees=0.001)
    done = run(
        "landmark", "match", tmp_path / "a.png", tmp_path / "b.png", "--rig", rig, "--draw", tmp_path / "drawn.png"
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.count("68 pairs") == 2
    assert (tmp_path / "drawn.png").exists()
    write_image(tmp_path / "empty.png", picture())
    none = run("landmark", "match", tmp_path / "a.png", tmp_path / "empty.png", "--rig", rig)
    assert none.exit_code == 2
    assert "no face" in none.stderr
    some = run("landmark", "match", tmp_path / "a.png", tmp_path / "b.png", "--rig", rig, "--pairs", 5)
    assert some.exit_code == 2
    assert "--pairs" in some.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ibug68", "occ100", "--align"), "mean face"),
        (("ibug68", "nothing.txt"), "neither a layout nor points"),
        (("a.csv", "b.csv"), "columns x and y"),
        (("a.csv", "b.csv", "--pairs", "3", "--limit", "2"), "not both"),
        (("a.csv", "b.csv", "--align", "--rig", "r.json"), "--align"),
    ],
)
def test_what_cannot_be_matched_is_refused(run, arguments, message):
    done = run("landmark", "match", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
