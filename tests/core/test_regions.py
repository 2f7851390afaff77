"""``Landmarks.region``: circles that hold the true point as often as promised, whatever the law of errors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError, Landmarks, SchemeError, scheme
from nasion.core.regions import (
    CALIBRATED,
    CONFIDENCE,
    Regions,
    calibrate,
    conformal_rank,
    dependence,
    embedded_regions,
)

SPARSE = scheme("ibug68")


def landmarks(sigma=2.0, visibility=1.0, name="ibug68"):
    layout = scheme(name)
    n = len(layout)
    return Landmarks(
        np.zeros((n, 2), np.float32), np.full(n, visibility, np.float32), np.full(n, sigma, np.float32), layout
    )


@pytest.mark.parametrize("law", ["normal", "cauchy", "two sizes"])
@given(st.sampled_from([0.32, 0.2, 0.1]), st.integers(19, 200))
def test_circles_hold_what_they_promise_under_any_law(law, alpha, count):
    rng = np.random.default_rng([count, len(law)])

    def faces(n):
        sigma = rng.uniform(1, 5, (n, 68))
        shape = {"normal": rng.normal, "cauchy": rng.standard_cauchy}.get(
            law, lambda size: rng.choice([0.1, 4.0], size=size) * rng.normal(size=size)
        )
        return sigma * abs(shape(size=(n, 68))), sigma

    regions = calibrate(*faces(count), "ibug68", "drawn")
    error, sigma = faces(400)
    held = (error <= regions.factors(alpha, np.ones(68)) * sigma).mean()
    # each point has a quantile of its own, so 68 calibrations average out
    spread = 5 * np.sqrt(alpha * (1 - alpha) * (1 / (68 * count) + 1 / (68 * 400)))
    assert 1 - alpha - spread <= held <= 1 - alpha + 1 / (count + 1) + spread


def ratios_of(rng, faces, points=68, shared=0.5):
    """(faces, points) errors over sigmas; a part of each face's is its own: a hard photo is hard everywhere."""
    hard = np.exp(shared * rng.normal(size=(faces, 1)))
    return hard * abs(rng.normal(size=(faces, points)))


@pytest.mark.parametrize("alpha", [0.32, 0.2, 0.1])
def test_the_promise_holds_for_nine_of_ten_sets_of_faces_and_not_on_their_mean_alone(alpha):
    rng = np.random.default_rng(int(100 * alpha))
    truth, ones = ratios_of(rng, 4000), np.ones(68)
    kept = np.zeros((300, 2), bool)
    for draw in range(len(kept)):
        regions = calibrate(ratios_of(rng, 100), np.ones((100, 68)), "ibug68", "drawn")
        for k, found in enumerate((regions, replace(regions, dependence=0.0))):
            kept[draw, k] = (truth <= found.factors(alpha, ones)).mean() >= 1 - alpha
    sure, mean_only = kept.mean(axis=0)
    assert sure >= CONFIDENCE - 0.05
    assert mean_only < 0.75


def test_points_that_err_together_count_as_one():
    rng = np.random.default_rng(0)
    alone, together = rng.random((400, 40)), np.repeat(rng.random((400, 1)), 40, axis=1)
    assert dependence(alone) == pytest.approx(1 / 40, rel=0.15)
    assert dependence(together) == pytest.approx(1)
    assert dependence(alone) < dependence(ratios_of(rng, 400)) < 0.5
    assert dependence(rng.random((1, 5))) == 1  # one face says nothing about faces


def test_more_confidence_than_the_faces_have_is_the_largest_ratio():
    ratios = np.tile(np.arange(1.0, 20)[:, None], 68)
    sure = Regions("ibug68", ratios, np.empty(0), "counted", dependence=0.5)
    assert (sure.factors(0.05, np.ones(68)) == 19).all()
    assert (sure.factors(0.2, np.ones(68)) == 18).all()  # rank 16 on the mean over draws
    assert (replace(sure, dependence=0.0).factors(0.2, np.ones(68)) == 16).all()


def test_radius_is_sigma_times_the_factor_of_the_rank():
    regions = Regions("ibug68", np.tile(np.arange(1.0, 10)[:, None], 68), np.empty(0), "counted")
    assert (landmarks(sigma=2).region(0.1, regions) == 18).all()
    assert (landmarks(sigma=2).region(0.5, regions) == 10).all()
    assert landmarks(sigma=2)["left_eye"].region(0.5, regions).shape == (6,)
    with pytest.raises(InputError, match=r"9 calibration faces cannot promise alpha 0.05.*0.1000"):
        landmarks().region(0.05, regions)


def test_a_group_keeps_the_factors_of_its_points():
    whole, part = landmarks(), landmarks()["mouth"]
    assert (part.region(0.1) == whole.region(0.1)[SPARSE.index("mouth")]).all()


def test_points_said_to_be_hidden_get_larger_circles():
    seen, hidden = landmarks(visibility=0.9).region(0.1), landmarks(visibility=0.2).region(0.1)
    assert (hidden >= seen).all()
    assert np.median(hidden / seen) > 1.1
    bare = replace(embedded_regions("ibug68"), hidden=np.empty(0))
    assert (landmarks(visibility=0.2).region(0.1, bare) == seen).all()


@pytest.mark.parametrize("name", CALIBRATED)
def test_the_packaged_calibration_is_sane(name):
    found = embedded_regions(name)
    assert len(found.ratios) > 150
    assert found.ratios.shape[1] == len(scheme(name))
    assert (np.diff(found.ratios, axis=0) >= 0).all()
    assert (np.diff(found.hidden) >= 0).all()
    factors = [found.factors(alpha, np.ones(len(scheme(name)))) for alpha in (0.32, 0.1, 0.05)]
    assert (factors[0] < factors[1]).all()
    assert (factors[1] < factors[2]).all()
    assert 1 < np.median(factors[1]) < 4
    assert "held-out" in found.source
    assert "no network saw" in found.source
    assert 1 / len(scheme(name)) < found.dependence < 0.2


def test_what_has_no_calibration_says_so():
    with pytest.raises(SchemeError, match="ibug68 and dense478"):
        landmarks(name="coarse5").region(0.1)
    with pytest.raises(SchemeError, match="convert them"):
        landmarks().region(0.1, embedded_regions("dense478"))
    with pytest.raises(InputError, match="no sigma"):
        Landmarks.from_points(np.zeros((68, 2)), SPARSE).region(0.1)
    with pytest.raises(InputError, match="between 0 and 1"):
        landmarks().region(0)


@pytest.mark.parametrize(
    ("error", "sigma", "message"),
    [
        (np.ones((3, 68)), np.ones((3, 67)), "one shape"),
        (np.full((3, 68), np.nan), np.ones((3, 68)), "finite"),
        (np.ones((3, 68)), np.zeros((3, 68)), "above 0"),
    ],
)
def test_a_calibration_needs_whole_numbers_of_faces(error, sigma, message):
    with pytest.raises(InputError, match=message):
        calibrate(error, sigma, "ibug68", "")


def test_ranks():
    assert [conformal_rank(9, 0.1), conformal_rank(8, 0.1), conformal_rank(99, 0.05)] == [9, 9, 95]
    assert conformal_rank(5, 0.99) == 1
