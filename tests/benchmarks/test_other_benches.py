import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from nasion.core import Box, InputError, NasionError
from nasion.report.bench import memory
from nasion.report.bench.data import aflw2000, helen
from nasion.report.bench.memory import bench_memory, moving_face
from nasion.report.bench.memory_probe import peak_mb, resident_mb
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.pose import bench_pose
from nasion.report.bench.startup import import_ms
from nasion.report.bench.synth import bench_synth


@pytest.mark.usefixtures("fake_models")
def test_pose_counts_every_photo_and_mirrors(bench_data):
    numbers = bench_pose(bench_data).numbers
    assert numbers["aflw2000"]["found"] == 3
    assert set(numbers["aflw2000"]["angles"]) == {"yaw", "pitch", "roll", "whole rotation"}
    assert numbers["mirror"]["angles"]["yaw"]["mean"] < 3  # a square's mirror image is the same square


def test_pose_labels_come_as_yaw_pitch_roll(bench_data):
    np.testing.assert_array_equal(aflw2000(bench_data)[0].pose, [-2, 1, 3])


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_an_occluder_hides_exactly_the_points_under_it(seed):
    rng = np.random.default_rng(seed)
    image = np.full((120, 160, 3), 50, np.uint8)
    points = rng.uniform((40, 30), (120, 100), (68, 2))
    covered, in_view = hide_part(image, points, np.full((90, 70, 3), 200, np.uint8), rng)
    at = np.round(points).astype(int)
    np.testing.assert_array_equal(in_view, covered[at[:, 1], at[:, 0], 0] == 50)
    assert (image == 50).all()
    share = (covered[..., 0] == 200).sum() / Box.around(points).area
    assert 0.03 < share < 0.45
    assert not in_view.all()


def test_the_face_of_the_memory_clip_stays_in_view():
    photo = np.zeros((400, 300, 3), np.uint8)
    photo[180:220, 130:170] = 255
    for frame in list(moving_face(photo, Box(100, 150, 200, 250), 300))[::30]:
        assert frame.shape == (360, 640, 3)
        rows, columns = np.nonzero(frame[..., 0] > 128)
        assert rows.size > 500
        assert rows.min() > 0
        assert rows.max() < 359
        assert columns.min() > 0
        assert columns.max() < 639


def test_the_probe_knows_its_own_memory():
    before = resident_mb()
    block = np.ones(300_000_000 // 8)
    assert resident_mb() - before > 200
    assert peak_mb() >= resident_mb() - 1
    assert block.size


@pytest.mark.usefixtures("fake_models")
def test_memory_that_grows_is_called_not_flat(bench_data, monkeypatch):
    def growing(video, table):
        return [
            {"frame": f, "time_s": f / 100, "rss_mb": 100 + f / 50, "peak_mb": 120.0, "with_face": f}
            for f in (*range(100, 1001, 100), 1000)  # the last again, when the table is finished
        ]

    monkeypatch.setattr(memory, "_write_clip", lambda *_: None)
    monkeypatch.setattr(memory, "_watch", growing)
    result = bench_memory(bench_data, 1000)
    assert result.numbers["growth"] == pytest.approx(120 / 110 - 1)
    assert not result.numbers["flat"]
    assert result.tables[0].rows[0][-1] == "NO"
    assert result.numbers["frames_per_s_first_last_tenth"] == pytest.approx([100, 100])
    with pytest.raises(InputError, match="at least 1000"):
        bench_memory(bench_data, 600)


def test_import_time_is_the_packages_own_line():
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       120 |        120 |   nasion.core\n"
        "import time:       310 |       1510 | nasion\n"
    )
    assert import_ms(report) == 1.51
    with pytest.raises(NasionError, match="did not report"):
        import_ms("nothing")


def test_the_shared_photos_are_all_there():
    data = shared_data("landmarks68").parent
    assert [len(helen(data, part)) for part in ("val", "train")] == [90, 870]
    assert len(aflw2000(data)) == 16
    assert all(photo.path.exists() for photo in [*helen(data), *aflw2000(data)])


def test_synth_times_every_step_and_its_truth_closes_the_loop():
    numbers = bench_synth(2, (64,), landmarkers=()).numbers
    assert set(numbers["ms"]) == {"64"}
    assert all(ms["render"] > 0 and ms["whole"] > ms["shape"] for ms in numbers["ms"].values())
    assert all(degrees["worst"] < 0.1 for degrees in numbers["degrees"].values())
    assert numbers["mirror_px"] < 0.01
