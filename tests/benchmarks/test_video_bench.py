import numpy as np
import pytest

from fakes import picture
from nasion.media import VideoWriter
from nasion.report.bench import crowd, stages, video
from nasion.report.bench.data import helen
from nasion.report.bench.video import bench_video


@pytest.fixture
def clips(bench_data, monkeypatch):
    """One clip of a square that wanders, one where it leaves for a while."""
    (bench_data / "video").mkdir()
    for name, gap in (("moving.mp4", range(0)), ("leaves.mp4", range(8, 14))):
        with VideoWriter(bench_data / "video" / name, 30) as out:
            for i in range(20):
                out.write(picture() if i in gap else picture(("red", 100 + 3 * i, 120, 80)))
    monkeypatch.setattr(video, "CLIPS", ("moving.mp4",))
    monkeypatch.setattr(video, "GAP_CLIP", "leaves.mp4")
    return bench_data


@pytest.mark.usefixtures("fake_models")
def test_every_mode_sees_every_frame_and_peers_take_turns(clips, fake_peer):
    numbers = bench_video(clips, ["shifted"], fake_peer, pairs=2).numbers
    systems = numbers["clips"]["moving.mp4"]
    assert set(systems) == {"nasion", "nasion --fast", "detecting every frame", "tracking and drawing", "Shifted"}
    assert {s["frames"] for s in systems.values()} == {20}
    assert all(s["with_face"] == 20 for s in systems.values())
    assert len(systems["nasion"]["frames_per_s"]) == len(systems["Shifted"]["frames_per_s"]) == 2
    assert systems["Shifted"]["frames_per_s_median"] == 20
    ours = systems["nasion"]["frames_per_s"]
    assert systems["Shifted"]["nasion_over_this_median"] == pytest.approx(sum(ours) / 2 / 20, rel=1e-3)
    fast = systems["nasion --fast"]["frames_per_s"]
    assert systems["Shifted"]["fast_over_this_median"] == pytest.approx(sum(fast) / 2 / 20, rel=1e-3)


@pytest.mark.usefixtures("fake_models")
def test_the_gap_and_the_ids_are_counted(clips):
    ids = bench_video(clips, pairs=1).numbers["identities"]
    assert ids["moving.mp4"] == {"frames": 20, "without_face": 0, "frames_per_id": {"0": 20}}
    assert ids["leaves.mp4"]["without_face"] >= 5


def test_a_crowd_is_called_once_and_the_loop_once_per_face(bench_data, monkeypatch):
    import nasion.pipeline

    calls = []

    class Spy:
        """Takes 30 ms a picture and 1 ms a face, of a clock of its own."""

        def __init__(self, **options):
            self.video = options.get("mode") == "video"

        def __call__(self, image):
            faces = image.shape[0] * image.shape[1] // crowd.TILE**2
            calls.append((self.video, faces))
            clock[0] += (0 if self.video else 0.030) + 0.001 * faces
            return [None] * faces

    clock = [0.0]
    monkeypatch.setattr(nasion.pipeline, "Analyzer", Spy)
    monkeypatch.setattr(crowd.time, "perf_counter", lambda: clock[0])
    numbers = crowd.measure_crowd(bench_data, 3)
    assert (numbers["found"], calls.count((False, 1)), calls.count((False, 20))) == (20, 61, 4)
    assert numbers["loop_ms"] == pytest.approx(31)
    assert numbers["together_over_loop"] == pytest.approx((30 / 20 + 1) / 31)
    assert numbers["followed_ms"] == pytest.approx(1)
    assert [row[3] for row in crowd.crowd_table(numbers).rows] == ["1.00", "0.08", "0.03"]


def test_a_tile_has_its_face_in_the_middle(bench_data):
    image = crowd.tile(helen(bench_data)[0])
    red = np.nonzero(image[..., 0].astype(int) - image[..., 1] > 100)
    assert image.shape == (crowd.TILE, crowd.TILE, 3)
    assert [float(v.mean()) for v in red] == pytest.approx(
        [(crowd.TILE - 1) / 2] * 2, abs=15
    )  # the brows are not its top


@pytest.mark.usefixtures("fake_models")
def test_every_stage_has_its_time(clips, monkeypatch):
    """A clock that only decoding, looking, following and reading a group of frames move, each by its own step."""
    from nasion.pipeline import analyzer

    clock = [0.0]

    def takes(seconds, call):
        def timed(*args):
            clock[0] += seconds
            return call(*args)

        return timed

    for name, seconds in (("look", 0.002), ("follow", 0.004), ("read_all", 0.004)):
        monkeypatch.setattr(analyzer.Analyzer, name, takes(seconds, getattr(analyzer.Analyzer, name)))
    monkeypatch.setattr(stages.time, "process_time", lambda: clock[0])
    monkeypatch.setattr(stages, "CLIP", "moving.mp4")
    monkeypatch.setattr(stages, "_landmarker", lambda _: {"network": 2.5})
    monkeypatch.setattr(stages, "describe_models", lambda *_: {})
    numbers = stages.bench_stages(clips).numbers
    assert numbers["frames"] == 20
    assert numbers["ms_per_frame"] == pytest.approx(
        {"decode": 0, "look": 2, "follow": 4, "read": 0.6}
    )  # 20 frames, 3 groups
