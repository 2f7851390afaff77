"""Video in and out: times, turns, damage, interruption."""

import io
import signal
import subprocess
import sys
import time
import tracemalloc
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from media.full_disk import FullDisk
from media.videos import SIZE, make_video, number_in, picture
from nasion.core import InputError, MediaError
from nasion.media.cameras import open_camera
from nasion.media.video import Video, open_video
from nasion.media.video_writer import VideoWriter

STEADY = [i / 25 for i in range(30)]
UNEVEN = [0.0, 0.04, 0.05, 0.5, 0.52, 1.75, 1.8]


def read(video: Video) -> tuple[list[int], list[float], list[int]]:
    """Indices, times and the numbers in the pictures."""
    frames = list(video)
    return [f.index for f in frames], [f.time_s for f in frames], [number_in(f.image) for f in frames]


def test_attributes_and_frames(tmp_path: Path) -> None:
    with open_video(make_video(tmp_path / "v.mp4", STEADY)) as video:
        assert (video.width, video.height) == SIZE
        assert video.fps == pytest.approx(25, rel=0.01)
        assert video.frame_count == 30
        assert video.duration_s == pytest.approx(1.2, abs=0.05)
        first = next(video)
        assert (first.image.shape, first.image.dtype) == ((SIZE[1], SIZE[0], 3), np.uint8)
        assert first.image.flags.c_contiguous
        indices, times, numbers = read(video)
    assert indices == list(range(1, 30))
    assert times == pytest.approx(STEADY[1:], abs=1e-4)
    assert numbers == list(range(1, 30))
    assert video.skipped == 0


def test_colours_are_rgb(tmp_path: Path) -> None:
    frame = next(open_video(make_video(tmp_path / "v.mp4", STEADY)))
    assert np.abs(frame.image[10, 10].astype(int) - (200, 20, 20)).max() < 12


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.mov", "v.webm"])
def test_true_times_of_a_variable_frame_rate(tmp_path: Path, name: str) -> None:
    encoder = "libvpx-vp9" if name.endswith("webm") else "libx264"
    indices, times, numbers = read(open_video(make_video(tmp_path / name, UNEVEN, encoder=encoder)))
    assert indices == numbers == list(range(7))
    assert times == pytest.approx(UNEVEN, abs=1e-3)


def test_a_transport_stream_begins_at_zero(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.ts", STEADY)
    with av.open(str(path)) as container:
        assert (container.start_time or 0) > 0
    assert read(open_video(path))[1] == pytest.approx(STEADY, abs=1e-3)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_and_mirror_are_applied(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    path = make_video(tmp_path / "v.mp4", STEADY[:3], rotation=rotation, mirrored=mirrored)
    stored = picture(0)
    shown = np.rot90(stored, rotation // 90)  # counter-clockwise, as FFmpeg counts
    if mirrored:
        shown = shown[:, ::-1]
    with open_video(path) as video:
        frame = next(video)
        assert (video.height, video.width) == frame.image.shape[:2] == shown.shape[:2]
        if not mirrored:
            assert video.rotation == (360 - rotation) % 360
    assert np.abs(frame.image.astype(int) - shown).mean() < 8


def test_non_square_pixels_are_made_square(tmp_path: Path) -> None:
    with open_video(make_video(tmp_path / "v.mp4", STEADY[:3], aspect=Fraction(3, 2))) as video:
        assert (video.width, video.height) == (144, 64)
        assert next(video).image.shape == (64, 144, 3)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts", "v.mpg", "v.flv", "v.h264"])
@pytest.mark.parametrize(("start", "stop", "step"), [(0.5, None, 1), (0.47, 0.9, 1), (0.0, 0.4, 3), (0.81, 1.1, 4)])
def test_a_part_keeps_true_indices(tmp_path: Path, name: str, start: float, stop: float | None, step: int) -> None:
    encoder = "mpeg1video" if name == "v.mpg" else "libx264"  # neither .mpg nor .h264 seeks exactly
    path = make_video(tmp_path / name, STEADY, encoder=encoder, clock=25 if name == "v.mpg" else 90_000)
    wanted = [i for i, t in enumerate(STEADY) if t >= start - 1e-6 and (stop is None or t < stop)][::step]
    indices, times, numbers = read(open_video(path, start=start, stop=stop, step=step))
    assert indices == numbers == wanted
    assert times == pytest.approx([STEADY[i] for i in wanted], abs=1e-3)


def test_a_start_behind_the_end_gives_nothing(tmp_path: Path) -> None:
    with open_video(make_video(tmp_path / "v.mp4", STEADY), start=99) as video:
        assert (video.width, video.height) == SIZE
        assert list(video) == []


@pytest.mark.parametrize("options", [{"start": -1}, {"start": 2, "stop": 1}, {"step": 0}, {"start": float("nan")}])
def test_parts_that_make_no_sense(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        open_video(tmp_path / "v.mp4", **options)  # type: ignore[arg-type]  # on purpose


def test_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_video(tmp_path / "v.mkv", STEADY).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert read(open_video("-"))[0] == list(range(30))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert read(open_video("-", start=0.5))[0] == list(range(13, 30))


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    raw = make_video(tmp_path / "v.mp4", STEADY[:3]).read_bytes()
    path = tmp_path / "caf\udce9.mp4"
    try:
        path.write_bytes(raw)
    except OSError:
        return  # this file system takes UTF-8 only
    with open_video(path) as video:
        assert video.name.endswith(r"caf\xe9.mp4")
        assert len(list(video)) == 3


def test_truncated_without_its_index(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", STEADY)
    data = path.read_bytes()
    for kept in (40, data.index(b"moov") - 4, len(data) - 200):  # the moov box stands last
        path.write_bytes(data[:kept])
        with pytest.raises(MediaError, match=r"v\.mp4 .*cut short"):
            open_video(path)


def test_truncated_with_its_index_gives_what_it_has_then_an_error(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", STEADY, options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.8)])
    frames = []
    with pytest.raises(MediaError, match=r"cut short: it holds|cannot be read further"), open_video(path) as video:
        frames.extend(video)
    assert 3 < len(frames) < 30
    assert [number_in(frame.image) for frame in frames] == list(range(len(frames)))


def test_a_part_before_the_damage_is_no_error(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", STEADY, options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.8)])
    assert len(list(open_video(path, stop=0.2))) == 5


def test_damaged_packets_are_counted_not_lost(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", STEADY, gop=1)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for number in (7, 12):
        at, size = places[number]
        data[at + 10 : at + size] = bytes(size - 10)
    path.write_bytes(data)
    with open_video(path) as video:
        indices, times, numbers = read(video)
    assert video.skipped == 2
    assert indices == [i for i in range(30) if i not in (7, 12)]
    assert numbers == indices
    assert times == pytest.approx([STEADY[i] for i in indices], abs=1e-3)


def test_files_that_are_no_video(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video in here, only words\n" * 50)
    with pytest.raises(MediaError, match=r"empty\.mp4 is empty"):
        open_video(tmp_path / "empty.mp4")
    with pytest.raises(MediaError, match=r"text\.mp4"):
        open_video(tmp_path / "text.mp4")
    with pytest.raises(MediaError, match="no such file"):
        open_video(tmp_path / "absent.mp4")
    with pytest.raises(MediaError, match="cannot be opened"):
        open_video(tmp_path)


def test_a_name_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_video(tmp_path / "clip.mkv", STEADY[:3]).rename(tmp_path / "http:clip.mkv")
    monkeypatch.chdir(tmp_path)
    assert len(list(open_video("http:clip.mkv"))) == 3


def test_sound_without_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="holds no video"):
        open_video(tmp_path / "sound.mp4")


def test_closing_ends_the_iteration(tmp_path: Path) -> None:
    video = open_video(make_video(tmp_path / "v.mp4", STEADY))
    next(video)
    video.close()
    assert list(video) == []
    video.close()


def test_memory_is_constant(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", [i / 100 for i in range(400)], size=(320, 240))
    tracemalloc.start()
    try:
        for frame in open_video(path):
            if frame.index == 50:
                tracemalloc.reset_peak()
                early = tracemalloc.get_traced_memory()[0]
        late = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert late - early < 4 * 320 * 240 * 3


# --- out


def test_written_video_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.mp4"
    with VideoWriter(path, fps=20) as writer:
        for number in range(25):
            writer.write(picture(number))
    with open_video(path) as video:
        assert video.fps == pytest.approx(20, rel=0.01)
        assert video.frame_count == 25
        indices, times, numbers = read(video)
    assert indices == numbers == list(range(25))
    assert times == pytest.approx([i / 20 for i in range(25)], abs=1e-3)


def test_written_video_is_what_players_take(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(picture(3))
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in ("h264", "mpeg4")
        assert stream.codec_context.pix_fmt == "yuv420p"
    frame = next(open_video(tmp_path / "out.mp4"))
    assert np.abs(frame.image.astype(int) - picture(3)).mean() < 6


def test_written_times_are_kept(tmp_path: Path) -> None:
    for name in ("out.mp4", "out.mkv"):
        with VideoWriter(tmp_path / name) as writer:
            for number, time_s in enumerate(UNEVEN):
                writer.write(picture(number), time_s=time_s)
        assert read(open_video(tmp_path / name))[1] == pytest.approx(UNEVEN, abs=1e-3)


def test_repeated_times_lose_no_picture(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for number, time_s in enumerate([0.0, 0.2, 0.2, 0.1, 0.4]):
            writer.write(picture(number), time_s=time_s)
    _, times, numbers = read(open_video(tmp_path / "out.mp4"))
    assert numbers == list(range(5))
    assert times == pytest.approx([0.0, 0.2, 0.2, 0.2, 0.4], abs=1e-3)


def test_without_x264_the_video_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: str) -> None:
        raise av.error.EncoderNotFoundError(0, "no encoder")

    monkeypatch.setattr("av.codec.Codec", missing)
    with VideoWriter(tmp_path / "out.mp4", fps=24000 / 1001) as writer:
        for number in range(5):
            writer.write(picture(number))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    indices, times, numbers = read(open_video(tmp_path / "out.mp4"))
    assert indices == numbers == list(range(5))
    assert times == pytest.approx([i * 1001 / 24000 for i in range(5)], abs=1e-3)


def test_odd_sizes_grow_by_a_copied_edge(tmp_path: Path) -> None:
    image = picture(20, (33, 21))
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(image)
    frame = next(open_video(tmp_path / "out.mp4"))
    assert frame.image.shape == (22, 34, 3)
    assert abs(int(frame.image[21, 33].mean()) - 160) < 8


def test_pictures_that_do_not_follow(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(picture(0), time_s=1.0)
        with pytest.raises(InputError, match="must be 96 x 64"):
            writer.write(picture(0, (64, 64)))
        with pytest.raises(InputError, match="time in seconds, got nan"):
            writer.write(picture(0), time_s=float("nan"))
        with pytest.raises(InputError, match="uint8"):
            writer.write(np.zeros((64, 96, 3)))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InputError, match="is closed"):
        writer.write(picture(0))


def test_no_pictures_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match=r"out\.mp4"):
        VideoWriter(tmp_path / "file" / "out.mp4")
    with pytest.raises(MediaError, match=r"extension"):
        VideoWriter(tmp_path / "out.txt")
    with pytest.raises(InputError, match="frame rate"):
        VideoWriter(tmp_path / "out.mp4", fps=0)


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda path, _: FullDisk(path, room=300_000))
    noise = np.random.default_rng(0)

    def write() -> None:
        with VideoWriter(tmp_path / "out.mp4") as writer:
            for _ in range(200):
                writer.write(noise.integers(0, 255, (240, 320, 3), np.uint8))

    with pytest.raises(MediaError, match=r"cannot write .*out\.mp4: no space left"):
        write()
    assert len(list(open_video(tmp_path / "out.mp4"))) > 0


def test_a_killed_writer_leaves_a_readable_file(tmp_path: Path) -> None:
    code = (
        "import os, sys, numpy as np\n"
        "from nasion.media.video_writer import VideoWriter\n"
        "writer = VideoWriter(sys.argv[1], fps=10)\n"
        "noise = np.random.default_rng(0)\n"
        "for _ in range(120): writer.write(noise.integers(0, 255, (64, 96, 3), np.uint8))\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.mp4")], check=False)
    assert len(list(open_video(tmp_path / "out.mp4"))) > 40


def test_an_interrupted_writer_leaves_all_it_wrote(tmp_path: Path) -> None:
    def interrupted() -> None:
        with VideoWriter(tmp_path / "out.mp4") as writer:
            for number in range(20):
                writer.write(picture(number))
            signal.raise_signal(signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(list(open_video(tmp_path / "out.mp4"))) == 20


# --- cameras


class FakeCapture:
    """OpenCV's camera with two blue pictures in it."""

    def __init__(self, index: int) -> None:
        self.left, self.open = 2, index == 0

    def isOpened(self) -> bool:
        return self.open

    def set(self, *_: float) -> bool:
        return True

    def get(self, what: int) -> float:
        return {3: 8.0, 4: 6.0, 5: 30.0}[what]

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        blue = np.zeros((6, 8, 3), np.uint8)
        blue[:, :, 0] = 255  # BGR
        return (True, blue) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.open = False


def test_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.VideoCapture", FakeCapture)
    with open_camera(0) as camera:
        assert (camera.width, camera.height, camera.fps, camera.frame_count) == (8, 6, 30.0, None)
        frames = [next(camera), next(camera)]
        with pytest.raises(MediaError, match="camera 0 gives no more pictures after 2"):
            next(camera)
    assert frames[0].image[0, 0].tolist() == [0, 0, 255]
    assert [frame.index for frame in frames] == [0, 1]
    assert frames[0].time_s == 0 <= frames[1].time_s
    assert list(camera) == []


def test_no_camera() -> None:
    with pytest.raises(MediaError, match="there is no camera 97"):
        open_camera(97)
