"""What the page on the self-taught detector claims stands in the newest record: the card's targets."""

import json
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
PAGE = RESULTS.parents[1] / "docs" / "systems" / "or-face-selfsup.md"


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sorted(RESULTS.glob("????-??-??-or-face.json"))[-1].read_text("utf-8"))
    return found["numbers"]


@pytest.mark.parametrize("seed", ["seed0", "seed1", "seed2"])
def test_the_room_gains_five_points_and_home_loses_one_at_most(numbers: dict[str, Any], seed: str) -> None:
    before, after = numbers["ready"]["nasion"], numbers[seed]
    assert after["room"]["ap"] >= before["room"]["ap"] + 0.05
    assert after["home"]["ap"] >= before["home"]["ap"] - 0.01


def test_the_first_labels_are_right_and_other_frames_add_to_them(numbers: dict[str, Any]) -> None:
    assert numbers["labels"]["precision"] >= 0.95
    assert numbers["labels"]["added_by_filling"] >= 0.05


def test_a_tenth_of_wrong_labels_costs_some_of_the_gain_but_not_all(numbers: dict[str, Any]) -> None:
    before = numbers["ready"]["nasion"]["room"]["ap"]
    poisoned = [name for name in numbers if name.startswith("poison")]
    assert poisoned
    for name in poisoned:
        assert before < numbers[name]["room"]["ap"]
        given = numbers[name]["labels"]["given"]  # in the last round, before the wrong ones
        assert numbers[name]["rounds"][-1]["faces"] == given + round(given / 9)
    gained = [numbers[name.replace("poison", "seed")]["room"]["ap"] - numbers[name]["room"]["ap"] for name in poisoned]
    assert sum(gained) > -0.005 * len(gained)  # wrong labels teach nothing


def test_the_page_says_what_the_record_says(numbers: dict[str, Any]) -> None:
    page = PAGE.read_text("utf-8")
    for run in (numbers["ready"]["nasion"], *(numbers[f"seed{i}"] for i in range(3))):
        for place in ("room", "near", "home"):
            assert f" {100 * run[place]['ap']:.1f} |" in page
