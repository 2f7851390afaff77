"""CAOS: the promise holds, the exact set lies inside, and what breaks either is refused or seen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError, Landmarks, MediaError, scheme
from nasion.landmark import conformal
from nasion.landmark.conformal import (
    Marked,
    aggregate,
    conformal_threshold,
    examples_needed,
    find,
    full_conformal,
    leave_one_out,
    nearest_others,
    prediction_set,
    read_taught,
    teach,
    too_few,
    write_taught,
)
from nasion.landmark.conformal.looks import CELL, GRID, Looks, cell, face_view, middles
from nasion.landmark.conformal.taught import LOOKS_PX, carrying_weights
from nasion.report.bench.conformal_patches import draw_looks, draw_pictures, simulate

ALPHA = 0.1


# the quantile


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.integers(0, 2**31))
def test_the_threshold_is_a_score_with_enough_scores_at_or_below_it(count, alpha, seed):
    scores = np.random.default_rng(seed).normal(size=count)
    threshold = conformal_threshold(scores, alpha)
    if count < examples_needed(alpha):
        assert threshold == np.inf
        assert too_few(count, alpha)
        return
    assert not too_few(count, alpha)
    below = int((scores <= threshold).sum())
    assert below >= (1 - alpha) * (count + 1) - 1e-6
    assert below - 1 < (1 - alpha) * (count + 1)  # and no larger than it must be


@pytest.mark.parametrize(("count", "alpha", "rank"), [(9, 0.1, 9), (19, 0.1, 18), (19, 0.05, 19), (20, 0.1, 19)])
def test_the_rank_is_not_off_by_one(count, alpha, rank):
    assert conformal_threshold(np.arange(1.0, count + 1), alpha) == rank


@given(st.integers(5, 60), st.sampled_from([0.05, 0.1, 0.2, 0.32]), st.booleans())
def test_new_scores_are_covered_within_the_bounds_of_the_theorem(count, alpha, heavy):
    """1 - alpha <= coverage <= 1 - alpha + 1 / (n + 1) for exchangeable scores without ties, whatever their law."""
    trials = 3000
    rng = np.random.default_rng([count, int(100 * alpha)])
    scores = rng.standard_cauchy((trials, count + 1)) if heavy else rng.normal(size=(trials, count + 1))
    scores += rng.normal(size=(trials, 1))  # exchangeable, not independent
    thresholds = np.array([conformal_threshold(row[:-1], alpha) for row in scores[:600]])
    held = (scores[:600, -1] <= thresholds).mean()
    error = 4 * np.sqrt(alpha * (1 - alpha) / 600)
    assert 1 - alpha - error <= held <= min(1.0, 1 - alpha + 1 / (count + 1)) + error


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        conformal_threshold(np.ones(5), 1.0)
    with pytest.raises(InputError, match="NaN"):
        conformal_threshold(np.array([1.0, np.nan]), 0.5)
    with pytest.raises(InputError, match="mark more"):
        aggregate(np.ones((2, 4)))
    with pytest.raises(InputError, match="at least 4"):
        leave_one_out(np.ones((3, 3)))


# CAOS itself


def scores_of(examples, patches):
    """(n, P) one-shot scores of one picture's patches."""
    return 1 - examples.marks @ patches.T


def caos(examples, patches, alpha, k=3):
    own = 1 - examples.marks @ examples.marks.T
    return prediction_set(aggregate(scores_of(examples, patches), k), leave_one_out(own, k), alpha).inside


def exact_set(examples, patches, alpha, combine):
    """The long way: each candidate joins the examples as if it were the truth."""
    count, inside = len(examples.marked), []
    for patch in patches:
        marks = np.concatenate([examples.marks, patch[None]])
        own = 1 - marks @ marks.T
        np.fill_diagonal(own, np.inf)
        scores = combine(own)
        rank = int(np.ceil((1 - alpha) * (count + 1) - 1e-9))
        inside.append(scores[-1] <= np.sort(np.append(scores[:-1], np.inf))[rank - 1])
    return np.array(inside)


def joined(examples, patches, alpha, chance=1.0):
    scores = scores_of(examples, patches)
    nearest = nearest_others(1 - examples.marks @ examples.marks.T)
    return full_conformal(aggregate(scores), nearest, scores.T, alpha, chance)


def problem(seed, count=10, candidates=12):
    rng = np.random.default_rng(seed)
    looks = draw_looks(rng)
    picture = draw_pictures(1, looks, rng)
    chosen = np.append(rng.choice(196, candidates - 1, replace=False), picture.marked[0])
    return draw_pictures(count, looks, rng), picture.patches[0][chosen]


def test_the_exact_set_lies_inside_on_200_problems():
    for seed in range(200):
        examples, patches = problem(seed)
        exact = exact_set(examples, patches, 0.2, lambda own: aggregate(own))
        assert not (exact & ~caos(examples, patches, 0.2)).any()
        assert (joined(examples, patches, 0.2) == exact).all()


def test_a_mean_over_all_examples_breaks_the_containment():
    """Why the sum of the k smallest: the next example can raise a mean, and then the exact set sticks out."""

    def mean(own):
        return np.where(np.isinf(own), 0, own).sum(axis=0) / (len(own) - 1)

    broken = 0
    for seed in range(200):
        examples, patches = problem(seed)
        own = 1 - examples.marks @ examples.marks.T
        np.fill_diagonal(own, np.inf)
        loose = scores_of(examples, patches).mean(axis=0) <= conformal_threshold(mean(own), 0.2)
        broken += bool((exact_set(examples, patches, 0.2, mean) & ~loose).any())
    assert broken


def lengths(rng, count):
    """(count,) exchangeable, with a law that is hard to guess from a few."""
    return rng.standard_t(3, count) + rng.normal() * np.arange(2)[rng.integers(2, size=count)]


def test_the_truth_is_held_as_often_as_promised_neither_less_nor_more():
    """One example more than the 10 is the new picture; the ranks of 11 come in steps of 0.09."""
    rng, alpha, trials = np.random.default_rng(0), 0.25, 4000
    held = np.zeros((trials, 3))
    for trial in range(trials):
        at = lengths(rng, 11)
        apart = abs(at[:, None] - at)
        scores, nearest, says = aggregate(apart[:10, 10:]), nearest_others(apart[:10, :10]), apart[10:, :10]
        held[trial] = (
            full_conformal(scores, nearest, says, alpha, rng.random())[0],
            full_conformal(scores, nearest, says, alpha)[0],
            prediction_set(scores, nearest.sum(axis=0), alpha).inside[0],
        )
    exact, whole_ranks, published = held.mean(axis=0)
    error = np.sqrt(alpha * (1 - alpha) / trials)
    assert abs(exact - (1 - alpha)) < 2.5 * error
    assert abs(whole_ranks - 9 / 11) < 2.5 * error
    assert published > whole_ranks + error  # what leaving one out costs
    assert (held[:, 0] <= held[:, 1]).all()
    assert (held[:, 1] <= held[:, 2]).all()


def test_ties_are_broken_by_chance_too():
    same = np.zeros((3, 10))
    inside = [full_conformal(np.zeros(1), same, np.zeros((1, 10)), 0.3, u)[0] for u in np.linspace(0.005, 0.995, 100)]
    assert np.mean(inside) == pytest.approx(0.7)


def test_order_does_not_matter_and_one_more_example_never_raises_a_score():
    examples, patches = problem(0, count=12)
    scores = scores_of(examples, patches)
    order = np.random.default_rng(1).permutation(12)
    assert np.allclose(aggregate(scores[order]), aggregate(scores), atol=0, rtol=1e-12)
    for i in range(12):
        assert (aggregate(np.concatenate([scores, scores[i : i + 1]])) <= aggregate(scores)).all()


def test_an_example_does_not_vouch_for_itself():
    examples, _ = problem(3)
    own = 1 - examples.marks @ examples.marks.T  # the diagonal is 0
    held = leave_one_out(own)
    assert (held > 0).all()
    np.fill_diagonal(own, -5.0)
    assert (leave_one_out(own) == held).all()


def test_patches_are_held_as_promised_by_smaller_sets_than_splitting_gives():
    rows = simulate((20, 50), ALPHA, repeats=24, tests=16)
    by = {(row["examples"], row["method"]): row for row in rows}
    for row in rows:
        assert row["coverage"] >= 1 - ALPHA - 2 * row["standard_error"], row
    for count in (20, 50):
        assert by[count, "CAOS"]["size"] <= by[count, "CAOS as published"]["size"]
        assert by[count, "CAOS as published"]["size"] < 0.65 * by[count, "split, aggregated"]["size"]
        assert by[count, "split, one example"]["size"] > 10 * by[count, "CAOS"]["size"]


def test_eight_examples_give_the_whole_picture_and_say_why():
    examples, patches = problem(0, count=8)
    assert caos(examples, patches, 0.1).all()
    reason = too_few(8, 0.1)
    for word in ("8 examples", "rank 9", "whole picture", "0.111", "takes 9"):
        assert word in reason
    assert not caos(examples, patches, 0.2).all()


# on pictures


def face_at(rng, size=1.0):
    """A picture with a dark spot on the cheek of a flat face; where the spot is."""
    template = scheme("dense478").template
    assert template is not None
    turn = rng.normal(0, 0.08)
    linear = size * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    mesh = template[:, :2] @ linear + (120 + rng.normal(0, 4), 130 + rng.normal(0, 4))
    spot = np.array([30.0, 45.0]) @ linear + mesh[168] - template[168, :2] @ linear + rng.normal(0, 2.5, 2)
    image = np.full((260, 240, 3), 190, np.uint8)
    image[:] = np.clip(190 + 10 * rng.normal(size=(260, 240, 1)), 0, 255)
    y, x = np.ogrid[:260, :240]
    image[(x - spot[0]) ** 2 + (y - spot[1]) ** 2 < 9] = (60, 40, 30)
    return image, Landmarks.from_points(mesh, scheme("dense478"), 1.0), spot


@pytest.fixture(scope="module")
def spots():
    rng = np.random.default_rng(4)
    return [Marked(*face_at(rng)) for _ in range(20)]


@pytest.fixture(scope="module")
def spot(spots):
    return teach("spot", spots)


def test_a_spot_taught_from_20_clicks_is_held_and_looked_at(spot, spots):
    rng = np.random.default_rng(5)
    faces = [face_at(rng, size=1.3) for _ in range(30)]
    found = [find([spot], image, landmarks, ALPHA)[0] for image, landmarks, _ in faces]
    held = np.mean([f.contains(truth) for f, (_, _, truth) in zip(found, faces, strict=True)])
    assert held >= 1 - ALPHA - 2 * np.sqrt(0.09 / 30)
    assert np.median([f.share for f in found]) < 0.05
    blind = conformal.taught_from(
        "spot", "dense478", [replace(e, look=np.zeros_like(e.look)) for e in map(conformal.example, spots)]
    )
    by_place = [find([blind], image, landmarks, ALPHA)[0] for image, landmarks, _ in faces]

    def error(points):
        return np.median([np.linalg.norm(f.point - truth) for f, (_, _, truth) in zip(points, faces, strict=True)])

    assert error(found) < 0.8 * error(by_place)  # the spot itself says more than the place


def test_a_region_measures_what_it_draws(spot):
    image, landmarks, _ = face_at(np.random.default_rng(9), size=1.2)
    found = find([spot], image, landmarks, ALPHA)[0]
    assert found.contains(found.point)
    assert not found.contains(np.array([5.0, 5.0]))
    assert found.area == pytest.approx(found.inside.sum() * found.grain**2)
    assert found.alpha == ALPHA
    low, high = (f(np.concatenate(found.outlines()), axis=0) for f in (np.min, np.max))
    assert (low - 1 <= found.point).all()
    assert (found.point <= high + 1).all()
    wider = find([spot], image, landmarks, 0.05)[0]
    assert (found.inside <= wider.inside).all()


def test_the_new_photo_is_scored_as_the_marked_ones_are(spot, spots):
    """The long way: the true cell as the 21st example, and how many of the 20 others then fit worse than it."""
    examples, rng, told = [conformal.example(s) for s in spots], np.random.default_rng(21), 0
    for _ in range(12):
        new = Marked(*face_at(rng))
        view = face_view(new.landmarks)
        mesh, seen = new.landmarks.points[:, :2] @ view[:, :2].T + view[:, 2], Looks(new.image, view)
        scores = leave_one_out(conformal.own_scores([*examples, conformal.example(new)]))
        worse, at = (scores[:-1] > scores[-1]).sum(), cell(view[:, :2] @ new.point + view[:, 2])
        if worse == 0:
            continue
        told += worse < 20
        for more, stays in ((0.4, True), (0.6, False)):
            cells = conformal.cell_scores(spot, seen, mesh)
            assert conformal.region(spot, seen, mesh, cells, (worse + more) / 21, chance=0.5)[at] == stays
    assert told > 6


def test_a_picture_has_one_region_and_pictures_draw_their_numbers_evenly(spot):
    image, landmarks, _ = face_at(np.random.default_rng(9))
    first, again = (find([spot], image.copy(), landmarks, 0.2)[0] for _ in range(2))
    assert (first.inside == again.inside).all()
    names = [f"point {i}" for i in range(300)]
    drawn, others = np.array(conformal.chances(image, names)), np.array(conformal.chances(image[::-1], names))
    assert 0 <= drawn.min() <= drawn.max() < 1
    assert np.allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.08)
    assert abs(np.corrcoef(drawn, others)[0, 1]) < 0.2


def test_scores_left_out_are_those_that_cannot_matter(spot):
    """Every cell scored the long way: the same wherever a region can reach."""
    image, landmarks, _ = face_at(np.random.default_rng(12), size=1.1)
    view = face_view(landmarks)
    seen, mesh = Looks(image, view), landmarks.points @ view[:, :2].T + view[:, 2]
    quick = conformal.cell_scores(spot, seen, mesh)
    apart = np.linalg.norm((spot.carry @ mesh)[:, None] - middles()[None], axis=2)
    every = aggregate(apart + LOOKS_PX * (1 - spot.looks @ seen.at(np.arange(GRID * GRID)).T))
    worst = spot.calibration.max()
    assert ((every <= worst) == (quick <= worst)).all()
    assert np.allclose(every[every <= worst], quick[every <= worst], atol=1e-4)
    assert quick.argmin() == every.argmin()
    assert (quick <= worst).sum() > 5


def test_marks_move_with_the_face():
    mesh = np.asarray(scheme("dense478").template)[:, :2]
    mark = np.array([12.0, 30.0])
    weights = carrying_weights(mesh, mark)
    assert weights.sum() == pytest.approx(1)
    assert weights @ mesh == pytest.approx(mark)
    linear, shift = np.array([[1.3, 0.2], [-0.4, 0.9]]), np.array([5.0, -8.0])
    assert weights @ (mesh @ linear + shift) == pytest.approx(mark @ linear + shift)
    jaw = mesh[:, 1] > 65  # the mouth opens: a mark beside the nose hardly moves
    assert np.linalg.norm(weights @ np.where(jaw[:, None], mesh + np.array([0, 20]), mesh) - mark) < 0.5


def test_cells_tile_the_view():
    at = middles()
    assert len(at) == GRID * GRID
    assert [cell(point) for point in at[[0, 1, GRID, -1]]] == [0, 1, GRID, GRID * GRID - 1]
    assert cell(np.array([-0.6, 10.0])) is None
    assert cell(np.array([CELL * GRID - 0.4, 10.0])) is None


def test_looks_see_the_same_place_turned_with_the_face_and_nothing_on_a_flat_one():
    rng = np.random.default_rng(0)
    image, landmarks, spot = face_at(rng)
    other, moved, there = face_at(rng, size=1.4)
    first, second = (
        Looks(im, face_view(lm)).at(np.array([cell(face_view(lm)[:, :2] @ p + face_view(lm)[:, 2])]))[0]
        for im, lm, p in ((image, landmarks, spot), (other, moved, there))
    )
    assert first @ second > 0.8
    flat = Looks(np.full_like(image, 128), face_view(landmarks)).at(np.array([500]))
    assert np.abs(flat).max() == 0


def test_what_was_taught_comes_back_from_its_file(spot, tmp_path):
    write_taught(tmp_path / "more" / "spot.npz", [spot, replace(spot, name="again")])
    held = read_taught(tmp_path / "more" / "spot.npz")
    assert [point.name for point in held] == ["spot", "again"]
    assert len(held[0]) == 20
    image, landmarks, _ = face_at(np.random.default_rng(9))
    old, new = (find([p], image, landmarks, ALPHA)[0] for p in (spot, held[0]))
    assert (old.inside != new.inside).mean() < 1e-3  # kept as float32
    assert np.allclose(old.point, new.point)


def test_a_file_that_is_none_is_named(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        read_taught(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"not an archive")
    np.savez(tmp_path / "other.npz", version=np.array(2))
    np.savez(tmp_path / "new.npz", version=np.array(99))
    for name, words in (("bad", "no taught points"), ("other", "no taught points"), ("new", "another version")):
        with pytest.raises(MediaError, match=words):
            read_taught(tmp_path / f"{name}.npz")
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot write"):
        write_taught(tmp_path / "file" / "x.npz", [])


def test_bad_teaching_is_refused(spots):
    with pytest.raises(InputError, match="mark at least 4"):
        teach("spot", spots[:3])
    with pytest.raises(InputError, match="too far from the face"):
        teach("spot", [*spots[:5], replace(spots[5], point=np.array([900.0, 0.0]))])
    five = spots[0].landmarks.to("coarse5")
    with pytest.raises(InputError, match="several layouts"):
        teach("spot", [*spots[:5], replace(spots[5], landmarks=five)])
    few = teach("spot", spots[:8])
    with pytest.raises(InputError, match=r"'spot': 8 examples cannot promise.*takes 9"):
        find([few], spots[9].image, spots[9].landmarks, 0.1)
    assert find([few], spots[9].image, spots[9].landmarks, 0.2)[0].share < 0.2
