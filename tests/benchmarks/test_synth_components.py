"""The sliders are what they claim: units stay in their region, identity leaves readings alone, colours all shapes."""

from __future__ import annotations

import numpy as np
import pytest

from nasion.report.bench.synth_components import (
    components,
    identity_figures,
    paint_figures,
    readings,
    region,
    unit_figures,
)
from nasion.synth.model import HeadModel
from nasion.synth.parameters import ACTION_UNITS, HeadParameters

MODEL = HeadModel.load()


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_each_unit_moves_only_its_region(unit: int) -> None:
    figures = unit_figures(unit, MODEL)
    assert figures["inside"] > 0.97
    assert 1 < figures["largest"] < {26: 20, 27: 50}.get(unit, 14), "millimetres that a face can do"
    if unit not in (26, 27):  # one jaw for both sides
        assert figures["one_sided"] < 0.03


def test_the_measure_sees_a_unit_that_leaves_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    loose = HeadModel(MODEL._arrays)
    row = ACTION_UNITS.index(1)
    loose.fields = MODEL.fields.copy()
    loose.fields[row] += 0.5 * MODEL.fields[ACTION_UNITS.index(12)]  # brows that smile
    assert unit_figures(1, loose)["inside"] < 0.9
    sided = HeadModel(MODEL._arrays)
    sided.fields = MODEL.fields.copy()
    sided.fields[row, 0] += 0.5 * MODEL.fields[row, 1]
    assert unit_figures(1, sided)["one_sided"] > 0.03
    assert region(1)[0] == "brows and lids"


def test_identity_leaves_expression_readings_alone() -> None:
    worst, plain = identity_figures(MODEL), readings(MODEL.points(HeadParameters()))
    assert worst["eye"] < 0.08 * plain["eye"]  # a wider eye opens by the same angle
    assert worst["mouth"] < 0.005
    smile = readings(MODEL.points(HeadParameters(expression={12: 1.0, 25: 1.0})))
    assert worst["corners"] < 0.5 * abs(smile["corners"] - plain["corners"])


def test_the_measure_sees_an_identity_that_smiles() -> None:
    loose = HeadModel(MODEL._arrays)
    loose.components = MODEL.components.copy()
    loose.components[3] += MODEL.fields[ACTION_UNITS.index(25)].sum(0)
    assert identity_figures(loose)["mouth"] > 0.02


def test_colours_move_nothing() -> None:
    assert paint_figures(MODEL) == {"moved_mm": 0.0, "regions": 0.0}


def test_tables_have_a_row_for_each_unit() -> None:
    tables, numbers = components()
    assert [row[0] for row in tables[0].rows] == [f"AU {unit}" for unit in ACTION_UNITS]
    assert np.isfinite([f["inside"] for f in numbers["units"].values()]).all()
