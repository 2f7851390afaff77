import numpy as np
import pytest

from nasion.core import NasionError
from nasion.report.bench.calibration import DRAWN, PASTED, PLAIN, bench_calibration
from nasion.report.bench.calibration_figures import GROUPS, Answers, coverage_curve, sigma_figures, visibility_figures
from nasion.report.bench.occluders import OCCLUDERS
from nasion.report.bench.result import write


def answers(faces=60, seed=0, sigma_factor=1.0, sharpness=1.0):
    """A system that knows its own sigma, times a factor, and its own visibility, its logit stretched."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 300, (faces, 68, 2))
    sigma = rng.uniform(0.5, 6, (faces, 68))
    points = truth + sigma[..., None] * rng.normal(size=truth.shape)
    visibility = rng.uniform(0.01, 0.99, (faces, 68))
    seen = rng.random((faces, 68)) < visibility
    odds = (visibility / (1 - visibility)) ** sharpness
    return Answers(points, sigma_factor * sigma, odds / (1 + odds), truth, seen, np.arange(faces) // 2, 3)


def test_an_honest_system_is_found_honest():
    s, v = sigma_figures(answers()), visibility_figures(answers())
    assert s["coverage_68"] == pytest.approx(0.6827, abs=0.02)
    assert s["coverage_95"] == pytest.approx(0.95, abs=0.01)
    assert s["error_over_sigma"] == pytest.approx(1, abs=0.04)
    assert s["spearman"] > 0.5
    assert v["expected_calibration_error"] < 0.03
    assert v["roc_auc"] > 0.8
    assert v["said_in_view"] > v["said_hidden"]
    for figures, name in ((s, "coverage_95"), (s, "spearman"), (v, "roc_auc"), (v, "expected_calibration_error")):
        low, high = figures[f"{name}_95"]
        assert low < high
        assert low - 0.02 < figures[name] < high + 0.02


def test_boasting_shows():
    assert sigma_figures(answers(sigma_factor=0.5))["coverage_68"] < 0.4
    assert visibility_figures(answers(sharpness=4))["expected_calibration_error"] > 0.1
    curve = coverage_curve(answers(sigma_factor=3))
    assert (curve > np.linspace(0.05, 0.99, 48) - 0.05).all()


def test_hidden_points_promise_no_error():
    a = answers()
    lost = np.where(a.in_view[..., None], a.truth, a.truth + 1e4)
    assert sigma_figures(Answers(lost, a.sigma, a.visibility, a.truth, a.in_view, a.photo, 0))["coverage_68"] == 1


def test_a_group_is_measured_on_its_own_points():
    a = answers()
    wrong_jaw = a.points.copy()
    wrong_jaw[:, list(GROUPS["jaw"])] += 500
    b = Answers(wrong_jaw, a.sigma, a.visibility, a.truth, a.in_view, a.photo, 0)
    assert sigma_figures(b, GROUPS["jaw"])["coverage_95"] == 0
    assert sigma_figures(b, GROUPS["eyes"])["coverage_95"] > 0.9
    assert sorted(i for group in GROUPS.values() for i in group) == list(range(68))


def test_joining_keeps_every_face_and_miss():
    both = Answers.joined([answers(4), answers(6, 1)])
    assert (len(both), both.missed) == (10, 6)


@pytest.mark.usefixtures("fake_models")
def test_every_condition_is_reported_and_drawn(bench_data, tmp_path):
    result = bench_calibration(bench_data)
    numbers = result.numbers
    assert numbers["sigma"][PLAIN]["coverage_95"] == 1  # no error lies within any sigma
    assert set(numbers["visibility"]) <= {PLAIN, PASTED, DRAWN, *OCCLUDERS}
    assert numbers["visibility"][PLAIN]["roc_auc"] is None  # nothing is hidden
    assert numbers["visibility"][PLAIN]["expected_calibration_error"] == pytest.approx(0.1, abs=1e-3)
    too_few = next(row for row in result.tables[1].rows if row[0] == PASTED)
    assert too_few[4:] == (None,) * 4
    assert numbers["visibility"][DRAWN]["points_hidden"] > 0
    assert numbers["visibility"][DRAWN]["roc_auc"] == 0.5  # the fake says 0.9 for every point
    drawn = numbers["visibility"][DRAWN]
    assert drawn["faces"] + drawn["missed"] == 3 * len(OCCLUDERS)
    assert set(numbers["groups"]) == set(GROUPS)
    assert len(write(result, tmp_path)) == 2 + 4


@pytest.mark.usefixtures("fake_models")
def test_nothing_found_is_an_error_not_a_figure(bench_data, monkeypatch):
    monkeypatch.setattr("fakes.FakeDetector.detect", lambda *_: [])
    with pytest.raises(NasionError, match="not one annotated face"):
        bench_calibration(bench_data)
