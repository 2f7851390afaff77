import numpy as np
import pytest

from conftest import shared_data
from nasion.core import scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.report.bench.data import aflw2000
from nasion.report.bench.placing import place_ours
from nasion.report.bench.result import write
from nasion.report.bench.robustness import CLEAN, CONDITIONS, SWEEPS, bench_robustness
from nasion.report.bench.scoring import Placed, paired_difference, signed_percent
from nasion.report.bench.yaw import annotated_yaw


@pytest.mark.usefixtures("fake_models")
def test_every_condition_gets_every_photo_and_every_system(bench_data, fake_peer, tmp_path):
    result = bench_robustness(bench_data, ["shifted"], fake_peer)
    conditions = result.numbers["conditions"]
    assert list(conditions) == list(CONDITIONS)
    assert all(set(of) == {"nasion", "Shifted"} for of in conditions.values())
    assert all(s["faces"] == 3 for of in conditions.values() for s in of.values())
    assert conditions[CLEAN]["nasion"]["nme_mean"] == pytest.approx(0, abs=1e-4)
    assert conditions[CLEAN]["Shifted"]["nasion_minus_it"][0] == pytest.approx(-0.1, abs=1e-3)
    assert conditions["grey"]["nasion"]["missed"] == 3  # the fake sees by colour
    assert conditions["face of 32 px"]["nasion"]["nme_mean"] < 0.05  # labels shrink with the picture
    assert conditions["turned by 45 degrees"]["nasion"]["nme_mean"] > 0.1  # they turn too; the fake stays upright
    assert {sweep: len(of["levels"]) for sweep, of in result.numbers["sweeps"].items()} == {
        sweep: len(levels) for sweep, (_, levels) in SWEEPS.items()
    }
    assert len(result.numbers["yaw"]) == 3
    assert len(write(result, tmp_path)) == 2 + 5


@pytest.mark.usefixtures("fake_models")
def test_a_peer_without_its_weights_is_named_not_measured(bench_data, fake_peer):
    listing = fake_peer / "peers.toml"
    listing.write_text(listing.read_text().replace("[broken]", "weights = ['big.onnx']\n[broken]"))
    result = bench_robustness(bench_data, ["shifted"], fake_peer)
    assert set(result.numbers["conditions"][CLEAN]) == {"nasion"}
    assert result.numbers["not_measured"] == {"Shifted": ["big.onnx"]}
    assert any("big.onnx" in note for note in result.notes)


def test_a_difference_is_paired_over_the_faces_and_points_of_both():
    truth = np.random.default_rng(0).uniform(0, 100, (20, 68, 2))
    truth[:, 36], truth[:, 45] = (0, 0), (100, 0)
    hard = np.linspace(0, 10, 20)[:, None, None]  # both find the same faces hard, px
    ours = Placed("a", truth + hard * (1, 0), "ibug68", np.zeros(20))
    theirs = truth + (hard + 1) * (1, 0)
    theirs[3] = np.nan
    theirs[:, 60] = np.nan
    gap = paired_difference(ours, Placed("b", theirs, "openseeface66", np.zeros(20)), truth)
    assert gap == pytest.approx([-0.01] * 3)
    assert signed_percent(gap) == "-1.00 (-1.00 to -1.00)"
    lost = Placed("c", np.full((20, 68, 2), np.nan), "ibug68", np.zeros(20))
    assert paired_difference(ours, lost, truth) is None
    assert signed_percent(None) is None


@pytest.mark.parametrize("yaw", [-40, -10, 0, 25])
def test_the_yaw_of_a_face_comes_from_its_points(yaw):
    head = scheme("ibug68").template @ angles_to_rotation(yaw, 5, 10).T
    points = (head[:, :2] + (0, 0)) / np.ptp(head[:, 0]) * 120 + (320, 240)
    assert annotated_yaw(points, np.zeros((480, 640, 3), np.uint8)) == pytest.approx(yaw, abs=5)


def test_the_yaw_agrees_with_labelled_photos():
    data = shared_data("pose").parent
    photos = aflw2000(data)
    gaps = [
        annotated_yaw(p.points, np.zeros((450, 450, 3), np.uint8)) - p.pose[0] for p in photos if abs(p.pose[0]) < 45
    ]
    assert np.median(np.abs(gaps)) < 8


def test_our_points_are_placed_by_the_analyzer_given(bench_data, fake_models):
    from nasion.pipeline import Analyzer
    from nasion.report.bench.data import helen

    placed = place_ours(Analyzer(tasks=("landmarks",), scheme="ibug68"), helen(bench_data))
    assert np.isfinite(placed.points).all()
    assert (placed.ms > 0).all()
