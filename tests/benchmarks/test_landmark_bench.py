import numpy as np
import pytest

from fakes import FakeDetector
from nasion.core import Box, InputError
from nasion.report.bench.landmarks import bench_landmarks
from nasion.report.bench.layouts import fit_linear_map, known_points, to_ibug68
from nasion.report.bench.scoring import Found, annotated_face


@pytest.mark.usefixtures("fake_models")
def test_the_labels_handed_through_have_no_error(bench_data):
    systems = bench_landmarks(bench_data).numbers["systems"]
    assert set(systems) == {"nasion", "nasion --fast", "nasion --accurate"}
    ours = systems["nasion"]
    assert (ours["faces"], ours["missed"]) == (3, 0)
    assert ours["nme_mean"] == pytest.approx(0, abs=1e-4)
    assert ours["auc_8"] == pytest.approx(1, abs=1e-3)


@pytest.mark.usefixtures("fake_models")
def test_a_missed_face_is_counted_named_and_a_failure(bench_data, monkeypatch):
    def blind_to_blue(self, image):
        return [
            face for face in original(self, image) if image[int(face.box.center[1]), int(face.box.center[0]), 2] < 200
        ]

    original = FakeDetector.detect
    monkeypatch.setattr(FakeDetector, "detect", blind_to_blue)
    result = bench_landmarks(bench_data)
    ours = result.numbers["systems"]["nasion"]
    assert (ours["faces"], ours["missed"], ours["failures_8"]) == (3, 1, 1)
    assert ours["failure_rate_8"] == pytest.approx(1 / 3)
    assert ours["auc_8"] == pytest.approx(2 / 3, abs=1e-3)
    assert ours["nme_per_face"][2] is None
    assert result.numbers["missed_files"] == ["c.png"]
    assert any("c.png" in note for note in result.notes)


@pytest.mark.usefixtures("fake_models")
def test_a_peer_is_scored_on_the_same_photos(bench_data, fake_peer):
    result = bench_landmarks(bench_data, ["shifted"], fake_peer)
    peer = result.numbers["systems"]["Shifted"]
    assert peer["missed"] == 1
    assert peer["nme_mean"] == pytest.approx(0.1, abs=1e-4)
    assert peer["failures_8"] == 3  # two above 8 %, one missed
    assert peer["ms_per_photo_median"] == 7
    assert peer["nasion_minus_it"] == pytest.approx([-0.1] * 3, abs=1e-3)
    assert result.numbers["failed_files"] == []
    row = next(row for row in result.tables[0].rows if row[0] == "Shifted")
    assert row[2] == "10.00"


def test_a_face_somewhere_else_is_not_the_annotated_one():
    truth = np.array([[10.0, 10], [50, 60]])
    near, far = Found(Box(8, 12, 52, 66), np.zeros((2, 2))), Found(Box(60, 10, 100, 60), np.ones((2, 2)))
    assert annotated_face([far, near], truth) is near
    assert annotated_face([far], truth) is None
    assert annotated_face([], truth) is None


def test_openseeface_points_land_on_their_own_places():
    points = np.random.default_rng(0).normal(size=(2, 66, 2))
    found = to_ibug68(points, "openseeface66")
    assert np.flatnonzero(np.isnan(found[0, :, 0])).tolist() == [60, 64]
    assert sorted({60, 64} | set(known_points("openseeface66"))) == list(range(68))
    np.testing.assert_array_equal(found[:, 48], points[:, 58])
    np.testing.assert_array_equal(found[:, 33], points[:, 33])


def test_the_linear_map_finds_a_linear_relation_whatever_the_pose_of_the_face():
    rng = np.random.default_rng(1)
    base, spread = rng.normal(size=(478, 3)), rng.normal(size=(8, 478, 3)) * 0.1
    weights = rng.dirichlet(np.ones(478), 68)

    def sample(count):
        shape = base + np.einsum("fk,knc->fnc", rng.normal(size=(count, 8)), spread)
        angle, scale, shift = rng.uniform(-1, 1, count), rng.uniform(20, 90, count), rng.uniform(0, 300, (count, 1, 2))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
        xy = scale[:, None, None] * np.einsum("fij,fnj->fni", turn, shape[..., :2]) + shift
        mesh = np.concatenate([xy, scale[:, None, None] * shape[..., 2:]], axis=2)
        return mesh, np.einsum("mn,fnc->fmc", weights, xy)

    mapping = fit_linear_map(*sample(60))
    mesh, truth = sample(10)
    assert np.abs(mapping(mesh) - truth).max() < 1
    assert mapping.held_out_error < 0.05


def test_absent_data_are_named(tmp_path):
    with pytest.raises(InputError, match=r"landmarks68/val\.csv is absent"):
        bench_landmarks(tmp_path)


@pytest.mark.usefixtures("fake_models")
def test_a_peer_without_weights_has_a_row_without_figures(bench_data, fake_peer):
    listing = fake_peer / "peers.toml"
    listing.write_text(listing.read_text().replace("[broken]", "weights = ['big.onnx']\n[broken]"))
    result = bench_landmarks(bench_data, ["shifted"], fake_peer)
    label, *cells = result.tables[0].rows[-1]
    assert label == "Shifted: weights not available offline"
    assert set(cells) == {None}
    assert result.numbers["not_measured"] == {"Shifted": ["big.onnx"]}
