"""HOT-POT: exact transport, views, faces, shapes and layouts."""

import itertools
import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasion.core import SCHEMES, Camera, InputError, Landmarks, MissingExtraError, SchemeError, convert, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.landmark.matching import (
    View,
    convert_or_match,
    epipolar_cost,
    learn_conversion,
    match,
    match_faces,
    match_schemes,
    match_shapes,
    match_views,
    mean_face,
    ray_cost,
    read_rig,
    triangulate,
)
from nasion.landmark.matching.plan import best_pairs

COMMON, LEFT_OUT = 38, 15


def surface(rng: np.random.Generator, n: int = 68) -> np.ndarray:
    x, y = rng.uniform(-75, 75, n), rng.uniform(-100, 100, n)
    return np.stack([x, y, 800 + (x**2 / 70 + y**2 / 90) / 2 + rng.normal(0, 8, n)], axis=1)


def rig(degrees: float) -> tuple[View, View]:
    camera = Camera(800.0, 800.0, 320.0, 240.0)
    turn, face = angles_to_rotation(degrees, 0, 0), np.array([0.0, 0.0, 800.0])
    return View(camera, np.eye(3), np.zeros(3)), View(camera, turn, face - turn @ face)


def brute_force(cost: np.ndarray, count: int, without: tuple[int, int] | None = None) -> float:
    best = np.inf
    for rows in itertools.combinations(range(cost.shape[0]), count):
        for columns in itertools.permutations(range(cost.shape[1]), count):
            pairs = list(zip(rows, columns, strict=True))
            if without not in pairs:
                best = min(best, sum(cost[pair] for pair in pairs))
    return best


@settings(max_examples=60)
@given(st.data())
def test_plans_and_margins_equal_brute_force(data):
    n, m = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    count = data.draw(st.integers(1, min(n, m)))
    cost = data.draw(arrays(float, (n, m), elements=st.sampled_from([0.0, 0.3, 1.0, 1.7, 2.0, 5.25])))
    found, best = match(cost, count=count), brute_force(cost, count)
    assert len(found) == count
    assert found.total == pytest.approx(best, abs=1e-9)
    for (i, j), margin in zip(found.pairs, found.margin, strict=True):
        assert margin == pytest.approx(brute_force(cost, count, (i, j)) - best, abs=1e-9)
    np.testing.assert_array_equal(np.sort([*found.pairs[:, 0], *found.alone_a]), np.arange(n))
    np.testing.assert_array_equal(np.sort([*found.pairs[:, 1], *found.alone_b]), np.arange(m))
    assert cost[tuple(best_pairs(cost, count=count).T)].sum() == pytest.approx(best, abs=1e-9)


def test_a_price_leaves_far_points_alone():
    cost = np.abs(np.array([0.0, 10.0, 50.0])[:, None] - np.array([1.0, 11.0, 90.0, 12.5]))
    found = match(cost, price=3.0)
    np.testing.assert_array_equal(found.pairs, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(found.alone_a, [2])
    np.testing.assert_array_equal(found.alone_b, [2, 3])
    # without pair (1, 1): the point pairs with 12.5 instead; without (0, 0): both stay alone, 2 x 3 - 1
    np.testing.assert_allclose(found.margin, [5.0, 1.5])
    assert found.partner(1) == 1
    assert found.partner(2) is None


def test_forbidden_pairs_are_never_formed():
    cost = np.array([[1.0, np.inf], [2.0, np.inf]])
    found = match(cost)
    np.testing.assert_array_equal(found.pairs, [[0, 0]])
    assert not len(match(np.full((2, 2), np.inf)))


def test_points_that_swap_for_nothing_are_ambiguous():
    points = np.array([[0.0, 0.0], [0.2, 0.0], [100.0, 0.0], [0.0, 100.0]])
    noisy = points + np.array([[0.4, 0.3], [-0.4, 0.3], [0.3, -0.3], [0.2, 0.4]])
    found = match(np.linalg.norm(points[:, None] - noisy[None], axis=2))
    np.testing.assert_array_equal(found.ambiguous, [True, True, False, False])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": np.zeros(3)}, "array"),
        ({"cost": np.full((2, 2), -1.0)}, ">= 0"),
        ({"cost": np.array([[np.nan]])}, ">= 0"),
        ({"count": 3}, r"1\.\.2 pairs"),
        ({"count": 1, "price": 1.0}, "not both"),
        ({"price": -1.0}, "price"),
    ],
)
def test_costs_that_make_no_sense_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        match(**{"cost": np.zeros((2, 2)), **change})


def test_without_pot_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingExtraError, match=r"nasion\[matching\]"):
        match(np.zeros((2, 2)))


@pytest.mark.parametrize("cost", ["ray", "epipolar"])
@pytest.mark.parametrize("degrees", [10, 30, 60])
def test_views_without_noise_are_matched_exactly(cost, degrees):
    a, b = rig(degrees)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points, order = surface(rng), rng.permutation(68)
        x, y = a.project(points), b.project(points)
        found = match_views(x, y[order], a, b, cost=cost)
        np.testing.assert_array_equal(order[found.pairs[:, 1]], found.pairs[:, 0])
        drawn = rng.permutation(68)
        in_a, in_b = drawn[:-LEFT_OUT], np.concatenate([drawn[:COMMON], drawn[-LEFT_OUT:]])
        part = match_views(x[in_a], y[in_b], a, b, cost=cost, count=COMMON)
        np.testing.assert_array_equal(in_a[part.pairs[:, 0]], in_b[part.pairs[:, 1]])
        assert len(part) == COMMON


@pytest.mark.parametrize(("noise", "low", "high", "partial"), [(0.5, 0.72, 0.83, 0.60), (1.0, 0.54, 0.71, 0.42)])
@pytest.mark.parametrize("cost", ["ray", "epipolar"])
def test_noise_costs_what_the_card_says_and_the_flag_finds_it(cost, noise, low, high, partial):
    right, right_partial, sure = [], [], []
    for degrees, seed in itertools.product((10, 30, 60), range(6)):
        rng, (a, b) = np.random.default_rng(seed), rig(degrees)
        points, order = surface(rng), rng.permutation(68)
        x, y = (view.project(points) + rng.normal(0, noise, (68, 2)) for view in (a, b))
        found = match_views(x, y[order], a, b, cost=cost)
        good = order[found.pairs[:, 1]] == found.pairs[:, 0]
        right.append(good.mean())
        sure += good[~found.ambiguous].tolist()
        drawn = rng.permutation(68)
        in_a, in_b = drawn[:-LEFT_OUT], np.concatenate([drawn[:COMMON], drawn[-LEFT_OUT:]])
        part = match_views(x[in_a], y[in_b], a, b, cost=cost, count=COMMON)
        right_partial.append((in_a[part.pairs[:, 0]] == in_b[part.pairs[:, 1]]).mean())
    assert low <= np.mean(right) <= high
    assert partial <= np.mean(right_partial) <= np.mean(right)
    assert len(sure) > 100
    assert np.mean(sure) > 0.93


def test_points_of_known_places_are_triangulated():
    rng, (a, b) = np.random.default_rng(0), rig(30)
    points = surface(rng)
    np.testing.assert_allclose(triangulate(a.project(points), b.project(points), a, b), points, atol=1e-6)


def test_rays_that_would_meet_behind_a_camera_cost_something():
    a, b = rig(90)  # b looks across a's line of sight
    behind = b.center - 200 * (np.array([0.0, 0, 800]) - b.center) / 800 + np.array([5.0, 30.0, 20.0])
    y = b.camera.matrix @ (b.rotation @ behind + b.translation)
    x = a.camera.matrix @ (a.rotation @ behind + a.translation)
    assert y[2] < 0 < x[2]
    pixels_a, pixels_b = (x[:2] / x[2])[None], (y[:2] / y[2])[None]
    assert epipolar_cost(pixels_a, pixels_b, a, b)[0, 0] < 1e-9
    assert ray_cost(pixels_a, pixels_b, a, b)[0, 0] > 1.0


def test_ray_cost_is_the_distance_of_half_lines():
    rng = np.random.default_rng(3)
    for _ in range(8):
        a, b = rig(rng.uniform(-170, 170))
        x, y = rng.uniform(0, 640, (1, 2)), rng.uniform(0, 640, (1, 2))
        reach = np.concatenate([[0], np.geomspace(1, 1e5, 600)])
        along_a, along_b = (v.center + reach[:, None] * v.rays(p) for v, p in ((a, x), (b, y)))
        nearest = np.sqrt(((along_a[:, None] - along_b[None]) ** 2).sum(-1).min())
        found = ray_cost(x, y, a, b)[0, 0]
        assert found <= nearest + 1e-6
        assert found >= nearest - 0.03 * max(nearest, 50)


def test_faces_are_matched_through_their_points():
    a, b = rig(30)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shifts = np.stack([np.linspace(-300, 300, 4), rng.uniform(-60, 60, 4), rng.uniform(-100, 200, 4)], axis=1)
        people, order = [surface(rng) + shift for shift in shifts], rng.permutation(4)
        seen_a = [a.project(p) + rng.normal(0, 2, (68, 2)) for p in people]
        seen_b = [b.project(people[i]) + rng.normal(0, 2, (68, 2)) for i in order]
        found = match_faces(seen_a, seen_b[:3], a, b)
        np.testing.assert_array_equal(order[found.faces.pairs[:, 1]], found.faces.pairs[:, 0])
        assert len(found.points) == len(found.faces) == 3


def test_a_face_of_few_points_does_not_win_for_being_small():
    a, b = rig(30)
    rng = np.random.default_rng(1)
    large, small = surface(rng), surface(rng, 6) + np.array([150.0, 40.0, 60.0])
    noisy = [a.project(p) + rng.normal(0, 1, (len(p), 2)) for p in (large, small)]
    found = match_faces(noisy, [b.project(large)], a, b)
    np.testing.assert_array_equal(found.faces.pairs, [[0, 0]])


def test_a_rig_reads_back(tmp_path):
    a, b = rig(20)
    held = {
        name: {
            "fx": v.camera.fx, "fy": v.camera.fy, "cx": v.camera.cx, "cy": v.camera.cy,
            "rotation": v.rotation.tolist(), "translation": v.translation.tolist(),
        }
        for name, v in (("a", a), ("b", b))
    }  # fmt: skip
    (tmp_path / "rig.json").write_text(json.dumps(held))
    read = read_rig(tmp_path / "rig.json")
    np.testing.assert_allclose(read[1].center, b.center)
    del held["b"]["fx"]
    (tmp_path / "rig.json").write_text(json.dumps(held))
    with pytest.raises(InputError, match="fx, fy"):
        read_rig(tmp_path / "rig.json")
    with pytest.raises(InputError, match="determinant"):
        View(a.camera, -np.eye(3), np.zeros(3))


@pytest.mark.parametrize("left_out", [0, 15])
def test_shapes_are_matched_whatever_their_place_size_and_turn(left_out):
    face = mean_face("ibug68")[:, :2]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 5)
        turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        order = rng.permutation(68)[: 68 - left_out]
        other = ((face + rng.normal(0, 1, face.shape)) @ turn.T + rng.uniform(-500, 500, 2))[order]
        found = match_shapes(face, other)
        assert (order[found.matching.pairs[:, 1]] == found.matching.pairs[:, 0]).mean() > 0.97
        np.testing.assert_allclose(found.similarity[:, :2], turn, atol=0.1 * size)


def test_a_shape_that_looks_the_same_turned_is_ambiguous_throughout():
    angle = np.arange(6) * np.pi / 3
    hexagon = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = match_shapes(10 * hexagon, 30 * hexagon[::-1] + 7)
    assert found.matching.total == pytest.approx(0, abs=1e-6)
    assert found.rivals == 5
    assert found.matching.ambiguous.all()
    lopsided = hexagon * np.array([1.0, 1.3]) + np.array([[0, 0]] * 5 + [[0.4, 0.5]])
    found = match_shapes(10 * lopsided, 30 * lopsided[::-1])
    assert not found.matching.ambiguous.any()


def test_large_sets_settle_too():
    dense, rng = mean_face("dense478")[::4, :2], np.random.default_rng(0)
    order = rng.permutation(len(dense))
    turned = dense @ np.array([[0.6, -0.8], [0.8, 0.6]]).T
    found = match_shapes(dense, turned[order])
    np.testing.assert_array_equal(order[found.matching.pairs[:, 1]], found.matching.pairs[:, 0])


@pytest.mark.parametrize(("a", "b"), [("ibug68", "occ100"), ("wflw98", "occ100"), ("cofw29", "ibug68")])
def test_layouts_are_matched_by_place_without_their_names(a, b):
    found = match_schemes(a, b)
    known = set(SCHEMES[b].names)
    named = [(x, y) for x, y in found.names() if x in known]
    assert len(named) >= 18
    assert np.mean([x == y for x, y in named]) > 0.95


def test_a_match_converts_a_turned_face():
    found = match_schemes("ibug68", "occ100")
    source = scheme("ibug68")
    turn = angles_to_rotation(25, -10, 15)
    place = np.array([300.0, 200.0])
    points = source.template @ turn[:2].T * 2 + place
    moved = found.convert(Landmarks.from_points(points, source, sigma=1.0))
    expected = scheme("occ100").template @ turn[:2].T * 2 + place
    j = found.matching.pairs[:, 1]
    np.testing.assert_allclose(moved.points[j], expected[j], atol=0.05)
    assert (moved.sigma[j] > 2).all()  # its own error is added
    np.testing.assert_array_equal(moved.visibility[found.matching.alone_b], 0)
    assert np.isnan(moved.points[found.matching.alone_b]).all()
    with pytest.raises(InputError, match="ibug68"):
        found.convert(moved)


def test_the_table_goes_before_matching():
    dense = Landmarks.from_points(scheme("dense478").template, scheme("dense478"))
    np.testing.assert_array_equal(convert_or_match(dense, "ibug68").points, convert(dense, "ibug68").points)
    labels = Landmarks.from_points(scheme("ibug68").template[:, :2], scheme("ibug68"))
    with pytest.raises(SchemeError):
        labels.to("occ100")
    assert np.isfinite(convert_or_match(labels, "occ100").points).all(axis=1).sum() > 50
    with pytest.raises(SchemeError, match="no scheme"):
        convert_or_match(labels, "nobody")


def test_a_conversion_is_learned_from_examples():
    rng = np.random.default_rng(0)
    source, target = scheme("ibug68"), scheme("coarse5")
    base = source.template[:, :2]
    order = np.array([36, 45, 30, 48, 54])  # what the target's points are, not told to anybody
    shift = np.array([1.0, -0.5])
    faces, others = [], []
    for _ in range(20):
        angle, size = rng.uniform(-0.5, 0.5), rng.uniform(1, 3)
        turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        own = base + rng.normal(0, 0.5, base.shape)
        faces.append(own @ turn.T + 100)
        others.append((own[order] + shift + rng.normal(0, 0.5, (5, 2))) @ turn.T + 100)
    found = learn_conversion(np.stack(faces), np.stack(others), source, target)
    np.testing.assert_array_equal(found.matching.pairs[np.argsort(found.matching.pairs[:, 1]), 0], order)
    scale = np.sqrt(base.var(axis=0).sum())
    np.testing.assert_allclose(np.linalg.norm(found.offset, axis=1) * scale, np.hypot(*shift), rtol=0.15)
    np.testing.assert_allclose(found.spread * scale, 0.5, rtol=0.35)
    placed = found.convert(Landmarks.from_points(faces[0], source)).points
    assert np.linalg.norm(placed - others[0], axis=1).max() < 6
    with pytest.raises(InputError, match="same F"):
        learn_conversion(np.stack(faces), np.stack(others)[:3], source, target)


def test_pairs_on_which_examples_disagree_are_flagged_or_left_out():
    rng = np.random.default_rng(0)
    source, target = scheme("ibug68"), scheme("coarse5")
    base = source.template[:, :2]
    faces = np.stack([base + rng.normal(0, 0.2, base.shape) for _ in range(40)])
    others = faces[:, [36, 45, 30, 48, 54]].copy()
    others[:14, 0] = faces[:14, 37] + 0.1  # a third of the annotators meant the next point of the lid
    found = learn_conversion(faces, others, source, target)
    flagged = dict(zip(found.matching.pairs[:, 1].tolist(), found.matching.ambiguous.tolist(), strict=True))
    assert flagged == {0: True, 1: False, 2: False, 3: False, 4: False}
