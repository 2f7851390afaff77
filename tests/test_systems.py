"""The catalogue of systems is complete and claims nothing that it does not show."""

import pytest

from conftest import shared_data
from nasion.core import InputError
from nasion.systems import System, parse, systems

ROW = {
    "slug": "lines",
    "name": "LINES",
    "paper": "Lines (arXiv 0000.00000)",
    "family": "landmarks",
    "status": "works",
    "entry": "nasion.systems:systems",
    "check": "tests/test_systems.py",
    "bench": "nasion bench lines",
    "measured": "NME 4.0 %",
}


def test_all_120_systems_are_listed_once() -> None:
    rows = systems()
    assert len(rows) == 120
    assert len({row.slug for row in rows}) == 120


def test_slugs_are_those_of_the_cards() -> None:
    cards = {card.stem for card in shared_data("../systems").glob("*.md")} - {"README"}
    assert {row.slug for row in systems()} == cards


@pytest.mark.parametrize(
    "row", [row for row in systems() if row.status != "planned"] or [System(**ROW)], ids=lambda r: r.slug
)
def test_every_entry_loads(row: System) -> None:
    assert callable(row.load())


@pytest.mark.parametrize("field", ["entry", "check", "bench", "measured"])
def test_a_row_that_says_works_must_show_everything(field: str) -> None:
    with pytest.raises(InputError, match=f"'lines'.*works.*{field}"):
        System(**{**ROW, field: ""})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "done"}, "status must be one of"),
        ({"status": "partial", "entry": ""}, "name its entry"),
        ({"status": "planned"}, "planned"),
        ({"name": ""}, "fill in name"),
        ({"entry": "nasion.systems"}, "module:name"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(change: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        System(**{**ROW, **change})


def test_an_entry_that_does_not_exist_is_named() -> None:
    with pytest.raises(InputError, match=r"nasion\.systems:gone"):
        System(**{**ROW, "entry": "nasion.systems:gone"}).load()


def test_a_planned_system_has_nothing_to_load() -> None:
    planned = {**ROW, "status": "planned", **dict.fromkeys(["entry", "check", "bench", "measured"], "")}
    with pytest.raises(InputError, match="planned"):
        System(**planned).load()


def toml(row: dict[str, object]) -> str:
    return "[[system]]\n" + "".join(f"{key} = {value!r}\n" for key, value in row.items())


def test_a_row_reads_back() -> None:
    assert parse(toml(ROW)) == (System(**ROW),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (toml(ROW) + toml(ROW), "lines more than once"),
        (toml({**ROW, "speed": "fast"}), "speed"),
        (toml({k: v for k, v in ROW.items() if k != "bench"}), "bench"),
        (toml({**ROW, "measured": 4}), "string"),
    ],
)
def test_a_malformed_catalogue_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text)
