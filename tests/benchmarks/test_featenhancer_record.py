"""What the page on FeatEnHancer claims stands in the newest record: where the module pays, and where it does not."""

import json
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
PAGE = RESULTS.parents[1] / "docs" / "systems" / "featenhancer.md"
WITH = "module and detector"


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sorted(RESULTS.glob("????-??-??-featenhancer.json"))[-1].read_text("utf-8"))
    return found["numbers"]


@pytest.mark.parametrize("other", ["nothing", "CLAHE", "detector alone", "detector alone, ten times the rate"])
@pytest.mark.parametrize("measure", ["ap", "recall"])
def test_over_gamma_2_to_4_the_module_is_ahead_beyond_chance(numbers: dict[str, Any], measure: str, other: str) -> None:
    mean, low, high = numbers["ahead"][measure][other][numbers["columns"].index("gamma 2 to 4")]
    assert mean > low > 0 and high > mean


def test_every_seed_is_ahead_of_the_detector_alone_where_it_is_dark(numbers: dict[str, Any]) -> None:
    for mine, alone in zip(numbers["seeds"][WITH], numbers["seeds"]["detector alone"], strict=True):
        for darkness in ("gamma 3", "gamma 4"):
            assert mine[darkness]["ap"] > alone[darkness]["ap"]
            assert mine[darkness]["recall"] > alone[darkness]["recall"]


def test_the_page_says_what_the_record_says_losses_too(numbers: dict[str, Any]) -> None:
    page = PAGE.read_text("utf-8")
    for row in (WITH, "nothing", "detector alone", "CLAHE"):
        for measure in ("ap", "recall"):
            values = (f"{100 * v:.1f}" for v in numbers[measure][row])
            cells = [line.replace("*", "").split(" | ")[1:] for line in page.splitlines() if line.startswith("|")]
            assert [f"{v}" for v in values] in [[cell.strip(" |") for cell in line] for line in cells]
    lost = [numbers["ahead"]["ap"]["detector alone"][numbers["columns"].index(c)][0] for c in ("-3 EV", "-4 EV")]
    assert max(lost) > 0 or "**At -3 and -4 EV it does not pay**" in page
