"""The table: schema, exact round trips, and files that survive whatever stops the program."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.full_disk import FullDisk
from nasion.core import Box, Face, FloatArray, InputError, Landmarks, MediaError, Pose, Reading, scheme
from nasion.media.table import FrameResult, faces_to_table, frame_rows, table_schema, table_to_faces
from nasion.media.table_files import TableWriter, json_lines, write_landmarks_parquet
from nasion.media.table_read import read_landmarks_parquet, read_table

CONTRACT = [
    "source", "frame", "time_s", "face", "track_id", "score", "x0", "y0", "x1", "y1", "scheme", "points", "z",
    "visibility", "sigma", "yaw", "pitch", "roll", "tx", "ty", "tz", "pose_reliability", "eye_left", "eye_right",
    "eyes_reliability", "error",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Eyes(Reading):
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Mood(Reading):
    label: str
    smiling: bool
    rank: int
    odds: FloatArray
    gaze: tuple[float, float, float]
    age: float | None


READINGS: dict[str, type[Reading]] = {"eyes": Eyes, "mood": Mood}

numbers = st.floats(-1e4, 1e4, allow_nan=False)
singles = st.floats(width=32, allow_infinity=False)


@st.composite
def faces(draw: st.DrawFn) -> Face:
    layout = scheme(draw(st.sampled_from(["coarse5", "ibug68", "dense478"])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, depth = len(layout), draw(st.sampled_from([2, 3]))
    points = rng.normal(0, draw(st.sampled_from([1e-3, 1.0, 1e5])), (n, depth)).astype(np.float32)
    points[0, 0] = draw(singles)
    landmarks = Landmarks(points, rng.random(n).astype(np.float32), rng.random(n).astype(np.float32), layout)
    x0, y0, w, h = draw(numbers), draw(numbers), draw(st.floats(0, 1e4)), draw(st.floats(0, 1e4))
    readings: dict[str, Reading] = {}
    if draw(st.booleans()):
        reason = draw(st.text(max_size=8))
        readings["pose"] = Pose(draw(st.floats(0, 1)), reason, *(draw(numbers) for _ in range(3)), (1.5, -2.0, 600.25))
    if draw(st.booleans()):
        readings["eyes"] = Eyes(draw(st.floats(0, 1)), "", draw(st.floats()), draw(numbers))
        odds = np.array(draw(st.lists(numbers, max_size=4)), np.float64)
        age = draw(st.none() | numbers)
        readings["mood"] = Mood(0.5, "dark", draw(st.text()), draw(st.booleans()), 3, odds, (0.0, 0.1, -1.0), age)
    track = draw(st.none() | st.integers(0, 10**6))
    return Face(Box(x0, y0, x0 + w, y0 + h), draw(st.floats(0, 1)), landmarks, track, readings)


@st.composite
def results(draw: st.DrawFn) -> list[FrameResult]:
    kept = []
    for frame in range(draw(st.integers(0, 3))):
        found = tuple(draw(st.lists(faces(), max_size=2)))
        error = "" if found else draw(st.sampled_from(["", 'cannot be decoded, "cut" short\nhere']))
        kept.append(FrameResult("Zoë, 1.jpg", found, frame, draw(st.none() | st.floats(0, 1e5)), error))
    return kept


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (np.isnan(a) and np.isnan(b))
    if isinstance(a, Reading):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    return a == b


def assert_same(before: list[FrameResult], after: list[FrameResult]) -> None:
    assert len(before) == len(after)
    for a, b in zip(before, after, strict=True):
        assert (a.source, a.frame, a.time_s, a.error) == (b.source, b.frame, b.time_s, b.error)
        assert len(a.faces) == len(b.faces)
        for f, g in zip(a.faces, b.faces, strict=True):
            assert (f.box, f.score, f.track_id, f.landmarks.scheme) == (g.box, g.score, g.track_id, g.landmarks.scheme)
            for name in ("points", "visibility", "sigma"):
                assert same(getattr(f.landmarks, name), getattr(g.landmarks, name)), name
            assert f.readings.keys() == g.readings.keys()
            assert all(same(f.readings[task], g.readings[task]) for task in f.readings)


def a_face(number: int = 0) -> Face:
    points = np.arange(10, dtype=np.float32).reshape(5, 2) + number
    pose = Pose(0.9, "", 10.0, -5.0, 2.5, (1.0, 2.0, 600.0))
    return Face(Box(0, 0, 10, 10), 0.75, Landmarks.from_points(points, scheme("coarse5")), number, {"pose": pose})


def test_the_schema_is_the_contract() -> None:
    schema = table_schema()
    assert [name for name in schema.names if name in CONTRACT] == CONTRACT
    assert set(schema.names) - set(CONTRACT) == {"pose_reason", "eyes_reason"}
    assert schema.metadata == {b"nasion_schema": b"1"}
    assert schema.field("points").type == pa.list_(pa.float32())


def test_readings_append_their_fields() -> None:
    added = [name for name in table_schema(READINGS).names if name not in table_schema().names]
    assert added == [
        f"mood_{name}" for name in ["reliability", "reason", "label", "smiling", "rank", "odds", "gaze", "age"]
    ]
    assert table_schema(READINGS).names[-1] == "error"


def test_a_reading_that_fits_no_column_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd(Reading):
        thing: dict[str, float]

    with pytest.raises(InputError, match=r"Odd\.thing.*has no column type"):
        table_schema({"odd": Odd})
    odd = Face(Box(0, 0, 1, 1), 1.0, a_face().landmarks, None, {"odd": Odd(1.0, "", {})})
    with pytest.raises(InputError, match="no columns odd_reason, odd_reliability, odd_thing"):
        faces_to_table([FrameResult("x", (odd,))])


def test_rows_of_nothing_and_of_failure() -> None:
    table = faces_to_table([FrameResult("a.jpg"), FrameResult("b.jpg", error="is empty")])
    assert table["face"].to_pylist() == [-1, -1]
    assert table["error"].to_pylist() == [None, "is empty"]
    assert table["points"].to_pylist() == [None, None]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(results())
def test_arrow_round_trip_is_exact(before: list[FrameResult]) -> None:
    table = faces_to_table(before, READINGS)
    assert_same(before, table_to_faces(table, READINGS))
    for batch, result in zip(table.combine_chunks().to_batches(), [before], strict=False):
        assert_same(result, table_to_faces(batch, READINGS))


def pose_only(results: list[FrameResult]) -> list[FrameResult]:
    def strip(face: Face) -> Face:
        return replace(face, readings={"pose": face.pose} if "pose" in face.readings else {})

    return [replace(result, faces=tuple(map(strip, result.faces))) for result in results]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=results().map(pose_only))
@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_file_round_trip_is_exact(before: list[FrameResult], extension: str, tmp_path: Path) -> None:
    with TableWriter(tmp_path / f"table.{extension}") as writer:
        for result in before:
            writer.write(result)
    assert_same(before, table_to_faces(read_table(tmp_path / f"table.{extension}")))


@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("text", ["a\rb", "a\nb", "\r\n", "a\x85b\u2028c", "nul\0", 'quo"te,', " blanks "])
def test_any_text_survives_files(tmp_path: Path, extension: str, text: str) -> None:
    before = [FrameResult(text, (), 0, None, text), FrameResult("b.jpg", (), 1)]
    with TableWriter(tmp_path / f"table.{extension}") as writer:
        for result in before:
            writer.write(result)
    assert_same(before, table_to_faces(read_table(tmp_path / f"table.{extension}")))


@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_readings_survive_files(tmp_path: Path, extension: str) -> None:
    mood = Mood(0.5, "dark", "calm, not sad", True, 3, np.array([0.25, 0.5]), (0.0, 0.1, -1.0), 31.5)
    face = a_face().with_reading("eyes", Eyes(0.5, "closed", 0.125, float("nan"))).with_reading("mood", mood)
    before = [FrameResult("a.mp4", (face,), 7, 0.28), FrameResult("a.mp4", (), 8, 0.32)]
    with TableWriter(tmp_path / f"t.{extension}", READINGS) as writer:
        for result in before:
            writer.write(result)
    assert_same(before, table_to_faces(read_table(tmp_path / f"t.{extension}"), READINGS))


def test_json_lines_are_plain_json() -> None:
    face = a_face().with_reading("eyes", Eyes(0.5, "", float("nan"), 0.25))
    text = json_lines(FrameResult("a.jpg", (face,)), table_schema())
    row = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert list(row) == table_schema().names
    assert (row["eye_left"], row["eye_right"], row["points"][:2], row["error"]) == (None, 0.25, [0.0, 1.0], None)


def test_float32_is_written_short(tmp_path: Path) -> None:
    face = Face(Box(0, 0, 1, 1), 0.5, Landmarks.from_points(np.full((5, 2), 0.1, np.float32), scheme("coarse5")))
    assert '"points": [0.1, 0.1,' in json_lines(FrameResult("a", (face,)), table_schema())
    with TableWriter(tmp_path / "t.csv") as writer:
        writer.write(FrameResult("a", (face,)))
    assert ",0.1 0.1 0.1" in (tmp_path / "t.csv").read_text()


def test_empty_tables_read_back(tmp_path: Path) -> None:
    for extension in ("parquet", "csv", "jsonl"):
        with TableWriter(tmp_path / f"t.{extension}"):
            pass
        assert table_to_faces(read_table(tmp_path / f"t.{extension}")) == []


def test_the_old_table_stays_until_the_new_one_is_done(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_landmarks_parquet(path, [FrameResult("old", (a_face(),))])
    with TableWriter(path) as writer:
        writer.write(FrameResult("new", (a_face(),)))
        assert [r.source for r in read_landmarks_parquet(path)] == ["old"]
    assert [r.source for r in read_landmarks_parquet(path)] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_ctrl_c_keeps_what_was_done(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"t.{extension}"

    def interrupted() -> None:
        with TableWriter(path) as writer:
            for number in range(100):
                writer.write(FrameResult("v.mp4", (a_face(number),), number, number / 25))
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [r.frame for r in table_to_faces(read_table(path))] == list(range(100))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_a_killed_program_leaves_a_readable_partial(tmp_path: Path, extension: str) -> None:
    code = (
        "import os, sys\n"
        "from nasion.media.table import FrameResult\n"
        "from nasion.media.table_files import TableWriter\n"
        "writer = TableWriter(sys.argv[1])\n"
        "for n in range(200): writer.write(FrameResult('v.mp4', (), n, n / 25))\n"
        "os._exit(9)\n"
    )
    path = tmp_path / f"t.{extension}"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert not path.exists()
    partial = tmp_path / f"t.{extension}.partial"
    kept = table_to_faces(read_table(partial))
    assert [r.frame for r in kept] == list(range(len(kept)))
    assert len(kept) >= 128
    partial.write_bytes(partial.read_bytes()[:-5])  # and cut within its last words
    assert len(table_to_faces(read_table(partial))) >= 64


@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_a_full_disk_names_the_file_and_keeps_the_rows(
    tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t.{extension}"
    opened = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "open", lambda file, *mode: FullDisk(file, room=60_000) if mode == ("wb",) else opened(file)
        )

        def write() -> None:
            with TableWriter(path) as writer:
                for number in range(2000):
                    writer.write(FrameResult("v.mp4", (a_face(),), number))

        with pytest.raises(
            MediaError, match=rf"cannot write .*t\.{extension}: no space left.* rows before are in .*partial"
        ):
            write()
    kept = table_to_faces(read_table(tmp_path / f"t.{extension}.partial"))
    assert [r.frame for r in kept] == list(range(len(kept)))
    assert len(kept) >= 64


def test_outputs_that_cannot_be_fail_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match=r"t\.txt: a table needs the extension"):
        TableWriter(tmp_path / "t.txt")
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match=r"cannot write .*t\.csv"):
        TableWriter(tmp_path / "file" / "t.csv")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)  # the tests may run as root, whom no permission stops
    with pytest.raises(MediaError, match=r"cannot write .*t\.csv: read-only file system"):
        TableWriter(tmp_path / "t.csv")


def test_tables_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        read_table(tmp_path / "absent.parquet")
    for name in ("t.parquet", "t.parquet.partial", "t.jsonl", "t.csv"):
        (tmp_path / name).write_bytes(b'{"no table"\nat all,here\n"')
        with pytest.raises((MediaError, InputError)):
            table_to_faces(read_table(tmp_path / name))
    foreign = pa.table({"x": [1.0]})
    pq.write_table(foreign, tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match="has no column"):
        read_landmarks_parquet(tmp_path / "foreign.parquet")
    later = faces_to_table([]).replace_schema_metadata({"nasion_schema": "2"})
    with pytest.raises(InputError, match="schema version 2"):
        table_to_faces(later)


def test_other_programs_can_read_the_parquet(tmp_path: Path) -> None:
    write_landmarks_parquet(tmp_path / "t.parquet", [FrameResult("a.jpg", (a_face(3),))])
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.schema.metadata[b"nasion_schema"] == b"1"
    assert table["points"].to_pylist() == [[float(v) + 3 for v in range(10)]]


def test_a_name_that_is_not_utf8_is_stored_safely() -> None:
    from nasion.media.paths import safe_name

    result = FrameResult(safe_name(os.fsdecode(b"caf\xe9.jpg")))
    assert frame_rows(result, table_schema())[0]["source"] == r"caf\xe9.jpg"
    assert faces_to_table([result])["source"].to_pylist() == [r"caf\xe9.jpg"]
