"""What the page of foveated retinotopy claims is what its newest record holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    newest = max(RESULTS.glob("*-foveated.json"))
    found: dict[str, Any] = json.loads(newest.read_text())["numbers"]["networks"]
    return found


def test_a_turned_face_is_lost_by_ordinary_views_alone(networks: dict[str, Any]) -> None:
    lost = {name: found["roll"][0] - found["roll"][-1] for name, found in networks.items()}
    assert lost["log-polar"] <= 0.10
    assert lost["ordinary"] >= 0.30


def test_a_fixation_beside_the_face_costs_the_retina_more(networks: dict[str, Any]) -> None:
    lost = {name: found["roll"][0] - found["shift"][2] for name, found in networks.items()}
    assert lost["log-polar"] > lost["ordinary"]


def test_the_map_peaks_inside_the_face(networks: dict[str, Any]) -> None:
    assert networks["log-polar"]["map"]["inside"] >= 0.8
