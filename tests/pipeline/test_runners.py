"""Pictures, videos and batches, from the Python side."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeDetector, FakeLandmarker, picture
from nasion.core import Face, ImageArray, InputError, MediaError, Reading
from nasion.media import Frame, Source, Video, VideoWriter, open_video, write_image
from nasion.pipeline import Analyzer, analyze, run_batch, run_video, still
from nasion.pipeline import analyzer as module

FACE = picture(("red", 100, 100, 80))


def make(**options: object) -> Analyzer:
    return Analyzer(detector=FakeDetector(), landmarker=FakeLandmarker(), **options)  # type: ignore[arg-type]


def clip(path: Path, count: int = 12) -> Path:
    with VideoWriter(path, 25) as writer:
        for i in range(count):
            writer.write(picture(("red", 60 + 5 * i, 100, 80)))
    return path


class TestRunVideo:
    def test_frames_come_in_order_with_their_faces(self, tmp_path: Path) -> None:
        found = list(run_video(clip(tmp_path / "a.mp4"), make()))
        assert [frame.index for frame, _ in found] == list(range(12))
        assert [[face.track_id for face in faces] for _, faces in found] == [[0]] * 12

    def test_an_analyzer_serves_several_clips_and_keeps_its_own_state(self, tmp_path: Path) -> None:
        analyzer = make(mode="video")
        analyzer(FACE, 100.0)
        for name in ("a.mp4", "b.mp4"):
            assert next(iter(run_video(clip(tmp_path / name), analyzer)))[1][0].track_id == 0
        assert analyzer(FACE, 100.1)[0].track_id == 0

    def test_a_part(self, tmp_path: Path) -> None:
        found = run_video(clip(tmp_path / "a.mp4"), make(), start=0.2, stop=0.4, step=2)
        assert [frame.index for frame, _ in found] == [5, 7, 9]

    def test_working_ahead_changes_nothing(self) -> None:
        away = range(13, 17)  # lost on an unscheduled frame, back on another
        places = [(60 + 3 * i, 100) if i not in away else None for i in range(40)]
        frames = [Frame(picture(*[("red", *at, 60)] if at else []), i, i / 25) for i, at in enumerate(places)]
        ahead, in_turn = (list(run_video(frames, make(detect_every=7), ahead=n)) for n in (4, 0))
        assert [len(faces) for _, faces in in_turn] == [int(at is not None) for at in places]
        for (frame, faces), (same_frame, same_faces) in zip(ahead, in_turn, strict=True):
            assert frame is same_frame
            for face, other in zip(faces, same_faces, strict=True):
                assert (face.box, face.track_id, face.pose) == (other.box, other.track_id, other.pose)
                np.testing.assert_array_equal(face.landmarks.points, other.landmarks.points)

    def test_a_camera_frame_does_not_wait_for_the_next(self) -> None:
        taken: list[int] = []

        def camera() -> Iterator[Frame]:
            for i in range(3):
                taken.append(i)
                yield Frame(FACE, i, i / 25)

        for frame, _ in run_video(camera(), make(), ahead=0):
            assert taken[-1] == frame.index

    def test_times_that_step_back_do_not_stop_it(self) -> None:
        frames = [Frame(FACE, i, t) for i, t in enumerate((0.0, 0.04, 0.02, 0.02, 0.06))]
        assert [frame.time_s for frame, _ in run_video(frames, make())] == [0.0, 0.04, 0.02, 0.02, 0.06]

    def test_readers_of_points_alone_take_several_frames_at_once(self) -> None:
        asked: dict[str, list[tuple[int, int]]] = {"points": [], "pixels": []}

        class Reader:
            needs, gives = ("landmarks",), Reading

            def __init__(self, name: str) -> None:
                self.name, self.points_only = name, name == "points"

            def read(self, image: ImageArray, faces: list[Face]) -> list[Reading]:
                asked[self.name].append((int(image[0, 0, 0]), len(faces)))
                return [Reading(1.0, str(face.landmarks.points[0, 0])) for face in faces]

        frames = [Frame(FACE.copy(), i, i / 25) for i in range(10)]
        frames[2] = Frame(np.full_like(FACE, 120), 2, 2 / 25)  # nobody there
        for frame in frames:
            frame.image[0, 0] = frame.index
        found = list(run_video(frames, make(tasks=[Reader("points"), Reader("pixels")])))
        assert asked == {"points": [(0, 7), (8, 2)], "pixels": [(i, 1) for i in range(10) if i != 2]}
        for _, faces in found:
            for face in faces:
                assert face.points == face.pixels == Reading(1.0, str(face.landmarks.points[0, 0]))

    def test_an_error_comes_after_the_frames_before_it(self) -> None:
        def broken() -> Iterator[Frame]:
            yield from (Frame(FACE, i, i / 25) for i in range(6))
            raise MediaError("cut short")

        running = run_video(broken(), make())
        assert [next(running)[0].index for _ in range(6)] == list(range(6))
        with pytest.raises(MediaError, match="cut short"):
            next(running)

    def test_stopping_early_gives_the_file_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[Video] = []

        def remember(*args: object, **options: object) -> Video:
            opened.append(open_video(*args, **options))  # type: ignore[arg-type]
            return opened[-1]

        monkeypatch.setattr("nasion.pipeline.video.open_video", remember)
        running = run_video(clip(tmp_path / "a.mp4"), make())
        next(running)
        running.close()  # type: ignore[attr-defined]  # it is a generator
        assert list(opened[0]) == []
        assert not [thread for thread in threading.enumerate() if thread.name == "nasion-prefetch"]

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match="no such file"):
            next(iter(run_video(tmp_path / "a.mp4", make())))


class TestRunBatch:
    def test_pictures_videos_and_failures_in_order(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", FACE)
        (tmp_path / "b.png").write_text("no picture")
        clip(tmp_path / "c.mp4", 3)
        kinds = {"a.png": "image", "b.png": "image", "c.mp4": "video"}
        sources = [Source(str(tmp_path / name), kind) for name, kind in kinds.items()]  # type: ignore[arg-type]
        sources.append(Source("nowhere", "image", "nothing matches nowhere"))
        results = [outcome.result for outcome in run_batch(sources, make())]
        found = [(Path(r.source).name, r.frame, len(r.faces), bool(r.error)) for r in results]
        assert found == [
            ("a.png", 0, 1, False),
            ("b.png", 0, 0, True),
            ("c.mp4", 0, 1, False),
            ("c.mp4", 1, 1, False),
            ("c.mp4", 2, 1, False),
            ("nowhere", 0, 0, True),
        ]

    def test_a_picture_that_the_models_choke_on_is_an_error_of_its_own(self, tmp_path: Path) -> None:
        class Choking(FakeDetector):
            def detect(self, image: ImageArray) -> list[Face]:
                if self.calls == 0:
                    self.calls += 1
                    raise InputError("cannot place a view on these five points")
                return super().detect(image)

        for name in ("a.png", "b.png"):
            write_image(tmp_path / name, FACE)
        sources = [Source(str(tmp_path / name), "image") for name in ("a.png", "b.png")]
        analyzer = Analyzer(detector=Choking(), landmarker=FakeLandmarker())
        first, second = run_batch(sources, analyzer)
        assert "five points" in first.result.error
        assert len(second.result.faces) == 1

    def test_a_picture_that_does_not_fit_into_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def greedy(*_: object, **__: object) -> ImageArray:
            raise MemoryError

        monkeypatch.setattr("nasion.pipeline.batch.read_image", greedy)
        (outcome,) = run_batch([Source("a.png", "image")], make())
        assert "a.png does not fit into memory" in outcome.result.error

    def test_memory_does_not_grow_with_the_batch(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        read = 0

        def counting(*_: object, **__: object) -> ImageArray:
            nonlocal read
            read += 1
            return FACE

        monkeypatch.setattr("nasion.pipeline.batch.read_image", counting)
        running: Iterator[object] = run_batch([Source(f"{i}.png", "image") for i in range(50)], make())
        next(running)
        assert read < 10


class TestAnalyze:
    @pytest.fixture(autouse=True)
    def _fakes(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self.loads = 0

        def load(*_: object) -> FakeDetector:
            self.loads += 1
            return FakeDetector()

        monkeypatch.setattr(module, "_load_detector", load)
        monkeypatch.setattr(module, "_load_landmarker", lambda *_: FakeLandmarker())
        still._analyzer.cache_clear()
        yield
        still._analyzer.cache_clear()

    def test_a_path_bytes_and_an_array_are_one_picture(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        write_image(path, FACE)
        results = [analyze(image) for image in (path, str(path), path.read_bytes(), FACE)]
        for (face,) in results:
            np.testing.assert_array_equal(face.landmarks.points, results[0][0].landmarks.points)
        assert self.loads == 1  # models stay loaded

    def test_tasks_and_options_are_passed_on(self) -> None:
        (face,) = analyze(FACE, tasks=["landmarks"], scheme="coarse5")
        assert face.landmarks.scheme.name == "coarse5"
        assert face.readings == {}

    def test_errors_name_the_file_and_the_limit(self, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match=r"nobody.jpg"):
            analyze(tmp_path / "nobody.jpg")
        write_image(tmp_path / "a.png", FACE)
        with pytest.raises(MediaError, match="above the limit"):
            analyze(tmp_path / "a.png", max_pixels=1000)


def test_importing_the_pipeline_loads_no_model_runtime_and_no_image_library() -> None:
    code = (
        "import sys, nasion.pipeline as p; p.Analyzer, p.run_batch, p.run_video, p.analyze;"
        "sys.exit(' '.join(m for m in ('cv2', 'onnxruntime', 'av', 'torch') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
