"""The audit's statistics: planted gaps come out, gaps that are not there do not."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from nasion.audit import audit
from nasion.audit.design import Design, natural_spline, robust_fit
from nasion.audit.gaps import (
    Factor,
    Ratio,
    adjusted_means,
    benjamini_hochberg,
    factor_gaps,
    holm,
    overlap_ratio,
)
from nasion.audit.shares import variance_shares
from nasion.audit.simulate import World, simulate
from nasion.core import InputError, MissingExtraError

REFERENCES = {"age": "young", "race": "a"}


def design(world, seed, controls=("height", "yaw"), splines=True):
    table = simulate(world, seed)
    held = {name: table.confounders[name] for name in controls}
    return Design.of(table.attributes, held, REFERENCES, splines=splines), np.log(table.outcomes["nme"])


def called(world, runs, attribute="race", **options):
    return np.mean([factor_gaps(*design(world, seed, **options), attribute, 0.05).p < 0.05 for seed in range(runs)])


def test_a_group_with_smaller_faces_has_a_raw_gap_and_no_controlled_one():
    world = World(faces=1000, confounded=0.4)
    assert called(world, 15, controls=()) >= 0.8
    assert called(world, 80) <= 0.12  # of 80, 10 and more come with a probability of 1 % at a true rate of 5 %


def test_without_any_gap_the_raw_test_keeps_its_rate():
    rate = called(World(faces=500, confounded=0.0), 100, controls=())
    assert 0.005 <= rate <= 0.12


def test_a_planted_gap_is_recovered():
    ratios = [factor_gaps(*design(World(effect=1.17), seed), "age", 0.05).ratios["old"] for seed in range(20)]
    assert np.mean([r.value for r in ratios]) == pytest.approx(1.17, abs=0.03)
    assert np.mean([r.p < 0.05 for r in ratios]) >= 0.9
    assert np.mean([r.low <= 1.17 <= r.high for r in ratios]) >= 0.8
    assert np.mean([r.p_equal < 0.05 for r in ratios]) == 0


def test_only_curves_take_away_a_u():
    world = World(confounded=0.0, yaw_effect=0.8, yaw_spread=2.0)
    straight, curved = called(world, 100, splines=False), called(world, 100)
    assert straight > 0.12
    assert curved <= 0.11


def test_the_height_gets_its_share_of_the_variance():
    shares = [variance_shares(*design(World(confounded=0.0), seed)) for seed in range(8)]
    assert np.mean([s.shapley["height"] for s in shares]) == pytest.approx(0.29, abs=0.03)
    for share in shares:
        assert sum(share.shapley.values()) == pytest.approx(share.whole)
        assert share.drop_one["height"] <= share.whole


def test_shapley_shares_what_two_factors_explain_together():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    groups = {"g": np.where(rng.random(3000) < 0.5, "a", "b")}
    both = Design.of(groups, {"blur": x, "light": x + 1e-3 * rng.normal(size=3000)})
    shares = variance_shares(both, x + rng.normal(size=3000))
    assert shares.shapley["blur"] == pytest.approx(0.25, abs=0.03)
    assert shares.shapley["light"] == pytest.approx(0.25, abs=0.03)
    assert shares.drop_one["blur"] == pytest.approx(0, abs=0.01)


def test_weights_and_regression_agree():
    agree = []
    for seed in range(10):
        both, y = design(World(effect=1.0), seed)
        a, (b, left) = factor_gaps(both, y, "race", 0.05).ratios["b"], overlap_ratio(both, y, "race", "b", 0.05)
        agree.append(a.low <= b.value <= a.high and b.low <= a.value <= b.high)
        assert 300 < left < 1000
    assert np.mean(agree) >= 0.9


def test_weights_balance_what_differs_between_groups():
    # the raw difference of race b is 14 per cent; by weights alone, without any curve for the error, it is gone
    both, y = design(World(), 1)
    raw = factor_gaps(*design(World(), 1, controls=()), "race", 0.05).ratios["b"].value
    weighted, _ = overlap_ratio(both, y, "race", "b", 0.05)
    assert raw > 1.1
    assert abs(weighted.value - 1) < 0.04


def test_adjusted_means_stand_in_the_controlled_ratio():
    both, y = design(World(effect=1.17), 0)
    means = adjusted_means(both, y, "age")
    ratio = factor_gaps(both, y, "age", 0.05).ratios["old"].value
    assert means["old"] / means["young"] == pytest.approx(ratio)
    truth = np.exp(y).mean()
    assert means["young"] < truth < means["old"]


def test_several_pictures_of_a_person_widen_the_interval():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(60), 10)
    matrix = np.column_stack([np.ones(600), (people % 2).astype(float)])
    y = rng.normal(size=60)[people] + 0.1 * rng.normal(size=600)
    alone = robust_fit(matrix, y, [str(i) for i in range(600)])
    together = robust_fit(matrix, y, [str(p) for p in people])
    assert together.bse[1] > 2.5 * alone.bse[1]


def test_a_natural_spline_is_straight_outside_and_bent_inside():
    x = np.linspace(0, 1, 400)
    basis = natural_spline(x)
    assert basis.shape == (400, 3)
    bent = np.abs(np.diff(basis[:, 1], 2))
    assert bent[x[1:-1] > 0.96].max() < 1e-9
    assert bent[(x[1:-1] > 0.3) & (x[1:-1] < 0.6)].max() > 1e-6
    assert natural_spline(np.full(10, 3.0)).shape == (10, 0)
    assert natural_spline(np.arange(40) % 2.0).shape == (40, 1)


def test_many_levels_are_corrected():
    factor = Factor({n: Ratio(1.1, 1, 1.2, p, 1) for n, p in (("x", 0.02), ("y", 0.01), ("z", 0.9))}, 0.01)
    corrected = holm(factor).ratios
    assert [corrected[n].p for n in "xyz"] == [0.04, 0.03, 0.9]
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])


def verdicts(table, **options):
    return {a.name: a for a in audit(table, references=REFERENCES, **options).attributes}


def test_verdicts_say_what_is_and_what_is_not():
    found = verdicts(simulate(World(effect=1.17), 0))
    assert "A gap remains" in found["age"].verdict
    assert "old +1" in found["age"].verdict
    assert "No gap: " in found["race"].verdict
    assert "how the pictures were taken" in found["race"].verdict
    assert found["race"].largest["nothing"] > 1.1 > found["race"].largest["the picture"]


def test_few_faces_are_undecided_not_equal():
    found = verdicts(simulate(World(faces=400, confounded=0.0), 3))
    assert "is not shown" in found["race"].verdict


def test_groups_that_do_not_overlap_are_refused():
    table = simulate(World(confounded=0.0), 0)
    turned = np.where(table.attributes["race"] == "b", 60.0, 0.0) + table.confounders["yaw"]
    found = verdicts(replace(table, confounders={**table.confounders, "yaw": turned}))["race"]
    assert "yaw" in found.levels[1].thin
    assert found.levels[1].controlled is None
    assert found.levels[1].raw is not None
    assert "guessing" in found.verdict


def test_missed_faces_are_counted_and_bounded():
    table = simulate(World(confounded=0.0), 0)
    lost = (table.attributes["race"] == "b") & (np.arange(2000) % 5 == 0)
    outcomes = {"nme": np.where(lost, np.nan, table.outcomes["nme"])}
    confounders = {name: np.where(lost, np.nan, v) for name, v in table.confounders.items()}
    found = verdicts(replace(table, found=~lost, outcomes=outcomes, confounders=confounders))["race"]
    level = found.levels[1]
    assert level.missed == lost.sum()
    assert level.missed_low < level.missed / level.faces < level.missed_high
    assert level.bound > level.mean.high
    assert found.p_missed < 1e-6
    assert "Faces are not missed alike: most often b" in found.verdict


def test_an_audit_is_written_as_json():
    held = json.loads(audit(simulate(World(faces=800), 0), references=REFERENCES).to_json())
    assert held["attributes"][0]["levels"][0]["name"] == "young"
    assert set(held["constant"]) == {"pitch", "roll", "blur", "light", "contrast"}
    assert held["shares"]["shapley"]["height"] > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outcome": "beauty"}, "no outcome 'beauty'"),
        ({"margin": 0.0}, "above 0"),
        ({"references": {"age": "ancient"}}, "no level 'ancient'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        audit(simulate(World(faces=200), 0), **options)


def test_a_handful_of_faces_is_refused():
    with pytest.raises(InputError, match="at least 40"):
        audit(simulate(World(faces=30), 0))


def test_without_statsmodels_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    monkeypatch.setitem(sys.modules, "statsmodels.api", None)
    with pytest.raises(MissingExtraError, match=r"nasion\[audit\]"):
        audit(simulate(World(faces=200), 0))
