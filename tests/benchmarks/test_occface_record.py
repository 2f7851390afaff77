"""What the page on OccFace claims stands in the newest record: the card's targets, met or said to be missed."""

import json
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
PAGE = RESULTS.parents[1] / "docs" / "systems" / "occface.md"


def newest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sorted(RESULTS.glob(f"????-??-??-{name}.json"))[-1].read_text("utf-8"))
    return found["numbers"]


@pytest.fixture(scope="module")
def systems() -> dict[str, Any]:
    found: dict[str, Any] = newest("occface")["systems"]
    return found


@pytest.mark.parametrize("where", ["rendered", "photos"])
def test_unseen_things_are_told_from_faces(systems: dict[str, Any], where: str) -> None:
    assert systems["full"][where]["roc_auc"] >= 0.90
    untrained = systems["heatmaps"][where]["average_precision"]
    assert systems["full"][where]["average_precision"] >= untrained + 0.15
    assert systems["full"][where]["calibration_error"] <= 0.08


def test_heads_behind_things_that_no_recipe_uses_are_calibrated_too() -> None:
    assert newest("occface-sweep")["drawn_heads"]["full"]["calibration_error"] <= 0.08


def test_on_photos_the_module_beats_what_it_grew_on(systems: dict[str, Any]) -> None:
    full, own, local = (systems[name]["photos"] for name in ("full", "landmarker", "local"))
    assert full["calibration_error"] < min(own["calibration_error"], local["calibration_error"])
    for measure in ("average_precision", "f1", "roc_auc"):
        assert full[measure] > own[measure] and full[measure] > local[measure]


def test_points_stay_where_they_were() -> None:
    places = newest("occface")["places"]
    assert places["with"]["visible"] == pytest.approx(places["without"]["visible"], rel=0.02)
    assert places["with"]["hidden"] == pytest.approx(places["without"]["hidden"], rel=0.02)


def test_the_far_half_of_a_turning_head_fades() -> None:
    turned = newest("occface-sweep")["sweep"]["full"]
    assert turned["spearman"] <= -0.9
    assert turned["agree"] >= 0.85


def test_the_page_says_what_the_record_says(systems: dict[str, Any]) -> None:
    text = PAGE.read_text("utf-8")
    for name in systems:
        for where in ("rendered", "photos"):
            for measure in ("average_precision", "f1", "roc_auc", "calibration_error"):
                assert f"{systems[name][where][measure]:.3f}" in text, (name, where, measure)
