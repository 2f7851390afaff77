import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import CHECKOUT, shared_data
from nasion.report.bench import detect
from nasion.report.bench.data import boxed_photos
from nasion.report.bench.detect import bench_detect, held_out_names, recall_curve


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
    monkeypatch.setattr(detect, "_false_faces", lambda *_: (0, 10))
    monkeypatch.setattr(detect, "HELD_OUT", 1)
    result = bench_detect(bench_data, ["all"], fake_peer)
    ours, peer = (result.numbers["systems"][name] for name in ("nasion", "Shifted"))
    assert ours["recall"] == 0.75  # the fourth face has no square
    assert ours["recall_by_size_px"]["0-16"] == {"boxes": 1, "recall": 0.0}
    assert peer["recall"] == 0.75  # half a face still overlaps by half
    assert result.numbers["held_out_photos"] == 1


@pytest.mark.usefixtures("fake_models")
def test_moving_a_peers_boxes_repairs_a_convention_not_a_miss(bench_data, fake_peer, monkeypatch):
    monkeypatch.setattr(detect, "_false_faces", lambda *_: (0, 10))
    monkeypatch.setattr(detect, "HELD_OUT", 1)
    truth = [np.array([b.to_array() for b in p.boxes], float) for p in boxed_photos(bench_data)]
    system = detect.Detections(
        "peer", [np.array([[*t[0, :3], t[0, :4][[1, 3]].mean(), 0.9]]) for t in truth], np.ones(3), 0
    )
    moved = detect._in_our_convention(system, truth, np.ones(3, bool))
    for box, wanted in zip(moved, truth, strict=True):
        np.testing.assert_allclose(box[0, :4], wanted[0], atol=1)


def test_the_split_is_the_one_of_the_detectors_recipe(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(CHECKOUT), *sys.path])
    names = [f"photo{i}.webp" for i in range(703)]
    recipe = importlib.import_module("training.detector.prepare")
    assert held_out_names(names) == set(recipe.split(names)[1])


def test_the_shared_photos_hold_what_the_benchmark_says():
    photos = boxed_photos(shared_data("boxes").parent)
    assert (len(photos), sum(len(p.boxes) for p in photos)) == (703, 3222)
    assert all(Path(p.path).exists() for p in photos[:5])
