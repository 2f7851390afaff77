"""Conversions between layouts: what is shared is kept, what is missing is said, errors are stated."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import shared_data
from nasion.core import SCHEMES, Landmarks, SchemeError, convert, scheme
from nasion.core.convert import CONVERSIONS, conversion_path
from nasion.core.schemes import occ100, union124

LISTS = {"ibug68": union124.IBUG68, "wflw98": union124.WFLW98, "cofw29": union124.COFW29, "aflw19": union124.AFLW19}


def random_landmarks(name, seed=0, dims=2):
    rng, layout = np.random.default_rng(seed), scheme(name)
    n = len(layout)
    return Landmarks(
        rng.uniform(0, 300, (n, dims)).astype(np.float32),
        rng.uniform(0, 1, n).astype(np.float32),
        rng.uniform(0.5, 3, n).astype(np.float32),
        layout,
    )


def dense_face(dims=3):
    layout = scheme("dense478")
    return Landmarks.from_points(layout.template[:, :dims] * 2 + 100, layout, sigma=1.0)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("dims", [2, 3])
def test_to_the_union_and_back_is_the_identity(name, dims):
    there = random_landmarks(name, dims=dims)
    union = there.to("union124")
    assert np.isnan(union.points).any(1).sum() == 124 - len(there)
    assert (union.visibility[np.isnan(union.points[:, 0])] == 0).all()
    back = union.to(name)
    for field in ("points", "visibility", "sigma"):
        np.testing.assert_array_equal(getattr(back, field), getattr(there, field))


@pytest.mark.parametrize("source", LISTS)
@pytest.mark.parametrize("target", LISTS)
def test_through_the_union_shared_points_stay_and_others_are_missing(source, target):
    there = random_landmarks(source)
    here = there.to(target)
    place = {union: i for i, union in enumerate(LISTS[source])}
    for point, visibility, union in zip(here.points, here.visibility, LISTS[target], strict=True):
        if union in place:
            np.testing.assert_array_equal(point, there.points[place[union]])
        else:
            assert np.isnan(point).all()
            assert visibility == 0


def test_occ100_is_exactly_its_dense_points():
    dense = random_landmarks("dense478", dims=3)
    np.testing.assert_array_equal(dense.to("occ100").points, dense.points[list(occ100.DENSE_INDEX)])
    assert len(set(occ100.DENSE_INDEX)) == 100
    assert scheme("occ100").template == pytest.approx(dense_face().scheme.template[list(occ100.DENSE_INDEX)])


@pytest.mark.parametrize("name", ["ibug68", "wflw98", "cofw29", "aflw19", "occ100", "dense478"])
def test_coarse5_puts_eyes_midway_between_the_corners(name):
    there = random_landmarks(name)
    five = there.to("coarse5")
    for k, group in ((0, "left_eye_corners"), (1, "right_eye_corners"), (2, "nose_tip")):
        np.testing.assert_allclose(five.points[k], there[group].points.mean(0), rtol=1e-5)
        assert five.visibility[k] == pytest.approx(there[group].visibility.mean(), abs=1e-6)
        assert five.sigma[k] == pytest.approx(there[group].sigma.mean(), abs=1e-6)
    np.testing.assert_array_equal(five.points[[4, 3]], there["mouth_corners"].points)


@given(st.integers(0, 1000))
def test_every_conversion_follows_affine_maps(seed):
    matrix = np.random.default_rng(seed).normal(size=(2, 3)) * (1, 1, 100)
    for step in CONVERSIONS:
        there = random_landmarks(step.source, seed)
        moved = Landmarks.from_points(there.points @ matrix[:, :2].T + matrix[:, 2], there.scheme)
        expected = convert(there, step.target).points @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(convert(moved, step.target).points, expected, atol=0.05)


@pytest.mark.parametrize("step", CONVERSIONS, ids=lambda step: step.name)
def test_every_conversion_commutes_with_the_mirror(step):
    there = random_landmarks(step.source)
    one, other = convert(there.flip(300), step.target), convert(there, step.target).flip(300)
    # the learned weights come from faces and their mirror images, but are stored in half precision
    np.testing.assert_allclose(one.points, other.points, atol=0.5 if step.error else 1e-4)


@pytest.mark.parametrize("step", CONVERSIONS, ids=lambda step: step.name)
def test_every_conversion_has_weights_that_sum_to_one_and_a_stated_error(step):
    weights = step.weights()
    assert weights.shape == (len(scheme(step.target)), len(scheme(step.source)))
    sums = weights.sum(1)
    np.testing.assert_allclose(sums[(weights != 0).any(1)], 1, atol=1e-9)
    assert step.error >= 0
    assert step.measured
    assert step.spread is None or step.spread().shape == (len(scheme(step.target)),)


def test_a_missing_point_spoils_what_is_averaged_from_it_and_nothing_else():
    there = random_landmarks("ibug68")
    points = there.points.copy()
    points[[36, 8]] = np.nan
    five = Landmarks(points, there.visibility, there.sigma, there.scheme).to("coarse5")
    assert np.isnan(five.points).any(1).tolist() == [False, True, False, False, False]
    assert five.visibility[1] == 0


def test_visibility_is_carried_by_the_nearby_points():
    dense = dense_face()
    left = dense.scheme.template[:, 0] > 0
    hidden = Landmarks(dense.points, np.where(left, 0, 1).astype(np.float32), dense.sigma, dense.scheme)
    sides = hidden.to("ibug68")
    assert (sides["right_eye"].visibility > 0.8).all()
    assert (sides["left_eye"].visibility < 0.2).all()
    assert ((sides.visibility >= 0) & (sides.visibility <= 1)).all()


def test_sigma_adds_the_conversions_own_error():
    face = dense_face(2)
    converted = face.to("ibug68")
    assert (converted.sigma > 1).all()
    bigger = face.transform(np.eye(2, 3) * 3).to("ibug68")
    np.testing.assert_allclose(bigger.sigma, converted.sigma * 3, rtol=1e-3)


def test_depth_goes_along():
    there = dense_face()
    for name in ("ibug68", "occ100", "coarse5"):
        here = there.to(name)
        assert here.points.shape == (len(here), 3)
        np.testing.assert_allclose(here.points, scheme(name).template * 2 + 100, atol=0.01)


def test_dense_points_fill_all_of_the_small_layouts():
    for name in ("cofw29", "aflw19", "coarse5", "ibug68"):
        assert np.isfinite(dense_face().to(name).points).all()


def test_a_view_the_model_placed_wins_over_a_conversion():
    dense, view = dense_face(2), random_landmarks("ibug68")
    both = Landmarks(dense.points, dense.visibility, dense.sigma, dense.scheme, {"ibug68": view})
    assert both.to("ibug68") is view
    assert both.to("dense478") is both


def test_no_way_says_where_one_can_go():
    with pytest.raises(SchemeError, match=r"'coarse5' to 'dense478'.*gets to nothing"):
        random_landmarks("coarse5").to("dense478")
    with pytest.raises(SchemeError, match=r"'ibug68' to 'dense478'.*aflw19, coarse5, cofw29, union124, wflw98"):
        random_landmarks("ibug68").to("dense478")
    with pytest.raises(SchemeError, match="no scheme 'ibug69'"):
        random_landmarks("ibug68").to("ibug69")
    with pytest.raises(SchemeError, match="no conversion"):
        random_landmarks("ibug68")["left_eye"].to("coarse5")


def test_the_shortest_chain_is_taken():
    assert [step.name for step in conversion_path("dense478", "ibug68")] == ["dense478_to_ibug68"]
    assert [step.name for step in conversion_path("ibug68", "wflw98")] == ["ibug68_to_union124", "union124_to_wflw98"]
    assert conversion_path("ibug68", "ibug68") == ()
    assert len({(step.source, step.target) for step in CONVERSIONS}) == len(CONVERSIONS)
    assert {step.source for step in CONVERSIONS} | {step.target for step in CONVERSIONS} == set(SCHEMES)


def test_the_template_of_ibug68_looks_like_human_annotations():
    """The mean of human HELEN annotations, after a similarity, lies within 4 % of the eye distance of our template."""
    from nasion.core.geometry.procrustes import generalized_procrustes, procrustes

    with (shared_data("landmarks68") / "train.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    human = np.array([[float(value) for value in row[1:137]] for row in rows[:300]]).reshape(-1, 68, 2)
    template = scheme("ibug68").template[:, :2].astype(np.float64)
    aligned, _ = procrustes(generalized_procrustes(human, rounds=5).mean, template)
    error = np.linalg.norm(aligned - template, axis=1) / np.linalg.norm(template[36] - template[45])
    assert error.mean() < 0.04
