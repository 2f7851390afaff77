"""Landmark files: what others write is read right, what we write they can read."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasion.core import Landmarks, MediaError, Pose, SchemeError, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.media.landmark_files import read_ljson, read_pts, write_ljson, write_pts
from nasion.media.openface import read_openface_csv, write_openface_csv
from nasion.media.table import FrameResult

shapes = hnp.arrays(np.float32, (68, 2), elements=st.floats(-5000, 5000, width=32))
again = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pts(points: str, count: int | str = 5) -> str:
    return f"version: 1\nn_points:  {count}\n{{\n{points}\n}}\n"


FIVE = "11 21\n12.5 22\n13 23\n14 24\n15 25"


# --- .pts


def test_pts_counts_from_one_and_we_from_zero(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_text(pts(FIVE))
    landmarks = read_pts(tmp_path / "a.pts")
    assert landmarks.scheme.name == "coarse5"
    assert landmarks.points.dtype == np.float32
    assert landmarks.points[:2].tolist() == [[10, 20], [11.5, 21]]
    assert landmarks.visibility.tolist() == [1] * 5
    assert landmarks.sigma.tolist() == [0] * 5


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_pts_as_other_programs_write_them(tmp_path: Path, line_end: str) -> None:
    text = "\ufeffversion: 1\nn_points: 5 \n\n{\n 11   21 \n12.5\t22\n1.3e1 23\n\n14 24\n15 25\n}"
    (tmp_path / "a.pts").write_bytes(text.replace("\n", line_end).encode())
    assert read_pts(tmp_path / "a.pts").points[2].tolist() == [12, 22]


@again
@given(shapes)
def test_pts_round_trip(tmp_path: Path, points: np.ndarray) -> None:
    write_pts(tmp_path / "a.pts", Landmarks.from_points(points, scheme("ibug68")))
    read = read_pts(tmp_path / "a.pts")
    assert read.scheme.name == "ibug68"
    np.testing.assert_allclose(read.points, points, rtol=3e-7, atol=1e-6)


def test_pts_keeps_unknown_points_unknown(tmp_path: Path) -> None:
    points = np.full((5, 3), 7, np.float32)
    points[3] = np.nan
    write_pts(tmp_path / "a.pts", Landmarks.from_points(points, scheme("coarse5")))
    read = read_pts(tmp_path / "a.pts")
    assert read.points.shape == (5, 2)
    assert read.visibility.tolist() == [1, 1, 1, 0, 1]
    assert np.isnan(read.points[3]).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "between braces"),
        ("just words", "between braces"),
        ("version: 1\nn_points: 5\n{\n1 2\n3 4", "must be whole"),
        (pts(FIVE, 68), "announces 68 points and holds 5"),
        (pts("1 2\n3 4", 2), "holds 2 points; name the scheme"),
        (pts("1 2\n3 four\n5 6\n7 8\n9 10"), "two or three numbers"),
        (pts("1 2\n3\n5 6\n7 8\n9 10"), "two or three numbers"),
        (pts("1 2 3 4\n" * 5), "two or three numbers"),
        (pts("", 0), "at least"),
    ],
)
def test_pts_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(MediaError, match=rf"a\.pts.*{words}"):
        read_pts(tmp_path / "a.pts")


def test_pts_of_a_named_scheme(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_text(pts(FIVE))
    assert read_pts(tmp_path / "a.pts", "coarse5").scheme.name == "coarse5"
    with pytest.raises(MediaError, match="holds 5 points, scheme ibug68 has 68"):
        read_pts(tmp_path / "a.pts", "ibug68")
    with pytest.raises(SchemeError):
        read_pts(tmp_path / "a.pts", "nobody")


@pytest.mark.parametrize("read", [read_pts, read_ljson, read_openface_csv])
def test_files_that_are_not_there_or_not_text(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(MediaError, match="no such file"):
        read(tmp_path / "absent")
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe\0\0")
    with pytest.raises(MediaError, match="picture"):
        read(tmp_path / "picture")
    with pytest.raises(MediaError):
        read(tmp_path)


@again
@given(st.text(max_size=300))
def test_pts_and_ljson_never_fail_with_anything_else(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text, encoding="utf-8", errors="replace")
    for read in (read_pts, read_ljson):
        with pytest.raises(MediaError):
            read(tmp_path / "a")


@again
@given(st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda v: st.lists(v, max_size=4), max_leaves=12))
def test_ljson_points_of_any_shape_fail_cleanly(tmp_path: Path, points: object) -> None:
    (tmp_path / "a").write_text(json.dumps({"version": 2, "labels": [], "landmarks": {"points": points}}))
    with pytest.raises(MediaError):
        read_ljson(tmp_path / "a")


# --- .ljson


def test_ljson_points_are_y_x(tmp_path: Path) -> None:
    points = [[20, 10], [21, 11.5], [22, 12], [None, None], [24, 14]]
    third = {"version": 3, "groups": {"PTS": {"labels": [], "landmarks": {"points": points}}}}
    second = {"version": 2, "labels": [], "landmarks": {"points": points}}
    first = {"version": 1, "groups": [{"label": "a", "landmarks": [{"point": p} for p in part]} for part in
                                      (points[:2], points[2:])]}  # fmt: skip
    for held in (first, second, third):
        (tmp_path / "a.ljson").write_text(json.dumps(held))
        read = read_ljson(tmp_path / "a.ljson")
        assert read.points[:2].tolist() == [[10, 20], [11.5, 21]]
        assert read.visibility.tolist() == [1, 1, 1, 0, 1]


@again
@given(hnp.arrays(np.float32, (68, 3), elements=st.floats(width=32, allow_infinity=False)))
def test_ljson_round_trip_is_exact(tmp_path: Path, points: np.ndarray) -> None:
    points[np.isnan(points).any(axis=1)] = np.nan
    write_ljson(tmp_path / "a.ljson", Landmarks.from_points(points, scheme("ibug68")))
    read = read_ljson(tmp_path / "a.ljson")
    assert np.array_equal(read.points, points, equal_nan=True)


def test_ljson_carries_groups_and_contours(tmp_path: Path) -> None:
    landmarks = Landmarks.from_points(np.zeros((68, 2)), scheme("ibug68"))
    write_ljson(tmp_path / "a.ljson", landmarks, group="mine")
    held = json.loads((tmp_path / "a.ljson").read_text())["groups"]["mine"]
    masks = {label["label"]: label["mask"] for label in held["labels"]}
    assert masks["all"] == list(range(68))
    assert masks["left_eye"] == list(range(42, 48))
    assert [0, 1] in held["landmarks"]["connectivity"]
    assert [41, 36] in held["landmarks"]["connectivity"]  # the right eye is closed
    assert [16, 0] not in held["landmarks"]["connectivity"]  # the jaw is not


def test_ljson_groups_and_versions(tmp_path: Path) -> None:
    group = {"labels": [], "landmarks": {"points": [[i, i] for i in range(5)]}}
    (tmp_path / "a.ljson").write_text(json.dumps({"version": 3, "groups": {"one": group, "two": group}}))
    with pytest.raises(MediaError, match="holds the groups one, two; name one"):
        read_ljson(tmp_path / "a.ljson")
    assert len(read_ljson(tmp_path / "a.ljson", group="two")) == 5
    with pytest.raises(MediaError, match="name one"):
        read_ljson(tmp_path / "a.ljson", group="three")
    (tmp_path / "a.ljson").write_text('{"version": 9}')
    with pytest.raises(MediaError, match="version 9 is not known"):
        read_ljson(tmp_path / "a.ljson")


# --- OpenFace


def openface(tmp_path: Path, rows: list[dict[str, float]], columns: list[str]) -> Path:
    """A CSV as OpenFace writes it: blanks after commas, more columns than we read."""
    columns = [*columns, *(f"{axis}_{i}" for axis in "xy" for i in range(68)), "AU01_r"]
    lines = [", ".join(columns)]
    lines += [", ".join(str(row.get(c, int(c[2:]) if c[:2] in ("x_", "y_") else 0)) for c in columns) for row in rows]
    path = tmp_path / "openface.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


VIDEO = [
    "frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x",
    "pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz",
]  # fmt: skip


def test_openface_video(tmp_path: Path) -> None:
    rows = [
        {"frame": 1, "timestamp": 0.0, "confidence": 0.98, "success": 1, "face_id": 2, "pose_Tz": 600,
         "pose_Rx": 0.1, "pose_Ry": -0.2, "pose_Rz": 0.3},
        {"frame": 1, "timestamp": 0.0, "confidence": 0.88, "success": 1, "face_id": 3},
        {"frame": 2, "timestamp": 0.04, "confidence": 0.02, "success": 0},
    ]  # fmt: skip
    first, second = read_openface_csv(openface(tmp_path, rows, VIDEO))
    assert (first.frame, first.time_s, second.frame, second.time_s) == (0, 0.0, 1, 0.04)
    assert [face.track_id for face in first.faces] == [2, 3]
    assert second.faces == ()
    face = first.faces[0]
    assert face.score == face.pose.reliability == 0.98
    assert face.landmarks.scheme.name == "ibug68"
    assert face.landmarks.points[5].tolist() == [5, 5]
    assert face.pose.translation == (0, 0, 600)
    assert np.degrees([0.1, -0.2, 0.3]) == pytest.approx([-face.pose.pitch, face.pose.yaw, face.pose.roll])


@settings(max_examples=50, deadline=None)
@given(st.floats(-1.4, 1.4), st.floats(-1.4, 1.4), st.floats(-3, 3))
def test_openface_angles_give_the_same_rotation(rx: float, ry: float, rz: float) -> None:
    """OpenFace's Rx @ Ry @ Rz and ours are one matrix: checked against elementary rotations written out."""
    (cx, cy, cz), (sx, sy, sz) = np.cos([rx, ry, rz]), np.sin([rx, ry, rz])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    ours = angles_to_rotation(float(np.degrees(ry)), float(-np.degrees(rx)), float(np.degrees(rz)))
    np.testing.assert_allclose(ours, about_x @ about_y @ about_z, atol=1e-6)


def test_openface_still(tmp_path: Path) -> None:
    (only,) = read_openface_csv(openface(tmp_path, [{"confidence": 0.9}, {"confidence": 0.8}], ["face", "confidence"]))
    assert (only.frame, only.time_s, len(only.faces)) == (0, None, 2)
    assert only.faces[0].track_id is None
    assert dict(only.faces[0].readings) == {}


def test_openface_round_trip(tmp_path: Path) -> None:
    rows = [
        {"frame": i + 1, "timestamp": i / 30, "confidence": 0.9, "success": int(i != 2), "face_id": 1,
         "pose_Tx": 12.5, "pose_Rx": 0.1, "pose_Ry": -0.4, "pose_Rz": 1.0}
        for i in range(4)
    ]  # fmt: skip
    before = read_openface_csv(openface(tmp_path, rows, VIDEO))
    write_openface_csv(tmp_path / "ours.csv", before)
    after = read_openface_csv(tmp_path / "ours.csv")
    for a, b in zip(before, after, strict=True):
        assert (a.frame, len(a.faces)) == (b.frame, len(b.faces))
        assert a.time_s == pytest.approx(b.time_s, abs=1e-6)
        for f, g in zip(a.faces, b.faces, strict=True):
            np.testing.assert_allclose(f.landmarks.points, g.landmarks.points, atol=1e-4)
            assert f.track_id == g.track_id
            assert isinstance(f.pose, Pose)
            np.testing.assert_allclose(f.pose.rotation, g.pose.rotation, atol=1e-5)
            assert f.pose.translation == pytest.approx(g.pose.translation)


def test_openface_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame, confidence\n1, 0.5\n")
    with pytest.raises(MediaError, match="has no column x_0"):
        read_openface_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(MediaError, match="has no column confidence"):
        read_openface_csv(tmp_path / "a.csv")
    path = openface(tmp_path, [{"frame": 1, "confidence": 1, "success": 1}], VIDEO)
    path.write_text(path.read_text()[:-40])  # the last row is cut
    with pytest.raises(MediaError, match="cannot be read as an OpenFace CSV"):
        read_openface_csv(path)


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    landmarks = Landmarks.from_points(np.zeros((5, 2)), scheme("coarse5"))
    for write in (write_pts, write_ljson):
        with pytest.raises(MediaError, match="cannot write"):
            write(tmp_path / "file" / "a", landmarks)
    with pytest.raises(MediaError, match="cannot write"):
        write_openface_csv(tmp_path / "file" / "a", [FrameResult("x")])
