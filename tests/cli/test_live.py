"""``nasion live``, without a camera and with a made-up one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

import nasion.media
from fakes import picture
from nasion.media import Frame, open_video, read_table

Run = Callable[..., Any]


class Camera:
    """One face for a second, thirty times a second; then somebody pulls the plug."""

    name, width, height, fps, frame_count, duration_s = "camera 0", 320, 240, 0.0, None, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for i in range(30):
            yield Frame(picture(("red", 60 + 5 * i, 100, 80)), i, i / 30)


def test_no_camera_is_said_clearly(run: Run) -> None:
    done = run("live", "--camera", "97")
    assert done.exit_code == 1
    assert "there is no camera 97" in done.stderr
    assert "Traceback" not in done.output


def test_a_camera_gives_rows_and_a_video(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nasion.media, "open_camera", lambda _: Camera())
    out, drawn = tmp_path / "t.parquet", tmp_path / "o.mp4"
    done = run("live", "--out", out, "--draw", drawn, "--seconds", "0.5")
    assert done.exit_code == 0, done.output
    table = read_table(out)
    assert table["frame"].to_pylist() == list(range(16))
    assert set(table["source"].to_pylist()) == {"camera 0"}
    assert set(table["track_id"].to_pylist()) == {0}
    assert len(list(open_video(drawn))) == 16
    assert "16 frames, 16 with a face" in done.stdout
