import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import CHECKOUT, shared_data
from nasion.report.bench import detect, detect_systems
from nasion.report.bench.data import boxed_photos
from nasion.report.bench.detect import bench_detect, held_out_names, recall_curve
from nasion.report.bench.detect_systems import Detections, in_our_convention
from nasion.report.bench.detect_trials import Trial, trials, turn_boxes
from nasion.report.bench.faceless import crops_below


def boxes(corners: np.ndarray) -> np.ndarray:
    return np.concatenate([corners, corners + 30], axis=1)


def scored(corners: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes(corners), np.linspace(0.9, 0.4, len(corners))[:, None]], axis=1)


def test_recall_rises_with_every_box_that_hits():
    truth = [boxes(np.array([[0.0, 0], [100, 0]])), boxes(np.array([[0.0, 0]]))]
    found = [scored(np.array([[0.0, 0], [300, 0]])), scored(np.array([[1.0, 0]]))]
    per_photo, recall = recall_curve(found, truth)
    np.testing.assert_allclose(per_photo, [0.5, 1, 1.5])
    np.testing.assert_allclose(recall, [1 / 3, 2 / 3, 2 / 3])


@pytest.mark.usefixtures("fake_models")
def test_recall_is_over_all_annotated_faces_and_peers_see_the_same(bench_data, fake_peer, monkeypatch):
    paths = [photo.path for photo in boxed_photos(bench_data)]
    hard = [Trial("face found", tuple(paths)), Trial("false faces", tuple(paths), faces=False)]
    monkeypatch.setattr(detect, "trials", lambda *_: hard)
    monkeypatch.setattr(detect, "HELD_OUT", 1)
    monkeypatch.setattr(detect_systems, "TURN", 2)  # three photos: two turns
    result = bench_detect(bench_data, ["all"], fake_peer)
    ours, peer = (result.numbers["systems"][name] for name in ("nasion", "Shifted"))
    assert ours["recall"] == 0.75  # the fourth face has no square
    assert ours["recall_by_size_px"]["0-16"] == {"boxes": 1, "recall": 0.0}
    assert peer["recall"] == 0.75  # half a face still overlaps by half
    assert result.numbers["held_out_photos"] == 1
    assert ours["hard"] == {"face found": 1.0, "false faces": 3.0}
    assert set(result.numbers["systems"]) == {"nasion", "Shifted", "Shifted, boxes moved"}


def test_moving_a_peers_boxes_repairs_a_convention_not_a_miss(bench_data):
    truth = [np.array([b.to_array() for b in p.boxes], float) for p in boxed_photos(bench_data)]
    system = Detections("peer", [np.array([[*t[0, :3], t[0, :4][[1, 3]].mean(), 0.9]]) for t in truth], np.ones(3), 0)
    moved = in_our_convention(system, truth, np.ones(3, bool))
    for box, wanted in zip(moved.boxes, truth, strict=True):
        np.testing.assert_allclose(box[0, :4], wanted[0], atol=1)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_boxes_turn_with_the_picture(quarters):
    picture = np.zeros((40, 60), np.uint8)
    picture[5:12, 20:33] = 1
    turned = np.rot90(picture, quarters)
    y, x = np.nonzero(turned)
    wanted = [x.min(), y.min(), x.max(), y.max()]
    np.testing.assert_array_equal(turn_boxes(np.array([[20.0, 5, 32, 11]]), 60, 40, quarters)[0], wanted)


def test_crops_lie_below_every_box():
    photo = np.arange(200, dtype=np.uint8)[:, None, None].repeat(150, 1).repeat(3, 2)  # grey says the row
    found = np.array([[10.0, 20, 40, 60], [60, 50, 100, 90]])
    crops = crops_below([photo, photo[:100]], [found, found[:, :4]], 30)
    assert len(crops) == 30
    assert min(int(crop.min()) for crop in crops) >= 90 + 0.35 * 40
    assert all(crop.shape[0] == crop.shape[1] >= 48 for crop in crops)
    assert crops_below([photo[:100]], [found], 5) == []


def test_a_trial_counts_what_it_says():
    found = [np.array([[0.0, 0, 9, 9, 0.9], [50, 50, 60, 60, 0.3]]), np.zeros((0, 5))]
    answers = Detections("x", found, np.ones(2), 0.5)
    paths = (Path("a"), Path("b"))
    truth = (np.array([[0.0, 0, 9, 9], [50, 50, 60, 60]]), np.array([[0.0, 0, 5, 5]]))
    assert Trial("recall", paths, truth).score(answers) == pytest.approx(1 / 3)
    assert Trial("masks", paths).score(answers) == 0.5
    assert Trial("false", paths, faces=False).score(answers) == 1


def test_trials_on_the_shared_pictures(tmp_path):
    data = shared_data("hard").parent
    names = held_out_names([photo.path.name for photo in boxed_photos(data)])
    held_out = [photo for photo in boxed_photos(data) if photo.path.name in names][:12]
    masks, lying, upside_down, crops, frames = trials(data, held_out, tmp_path, limit=3)
    assert [len(t.paths) for t in (masks, lying, upside_down, crops, frames)] == [3] * 5
    assert all(path.exists() for t in (lying, crops, frames) for path in t.paths)
    assert lying.truth is not None
    assert [len(t) for t in lying.truth] == [len(held_out[i].boxes) for i in (0, 3, 6)]
    assert [t.faces for t in (masks, crops, frames)] == [True, False, False]


def test_the_split_is_the_one_of_the_detectors_recipe(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(CHECKOUT), *sys.path])
    names = [f"photo{i}.webp" for i in range(703)]
    recipe = importlib.import_module("training.detector.prepare")
    assert held_out_names(names) == set(recipe.split(names)[1])


def test_the_shared_photos_hold_what_the_benchmark_says():
    photos = boxed_photos(shared_data("boxes").parent)
    assert (len(photos), sum(len(p.boxes) for p in photos)) == (703, 3222)
    assert all(Path(p.path).exists() for p in photos[:5])
