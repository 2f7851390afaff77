"""What gaze networks are trained on: measured errors, drawn heads, simulated sessions; and boosted trees."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import InputError, scheme
from nasion.core.gaze import gaze_vector
from nasion.gaze.canonical import NODES
from nasion.gaze.screen import meet_plane
from nasion.metrics import gaze_error
from nasion.synth import HeadModel, HeadParameters, place
from nasion.train.boosted_trees import fit_trees
from nasion.train.emc_sessions import QUERY, SUPPORT, VIEWS, draw_sessions
from nasion.train.gaze_noise import LandmarkNoise, Residuals, measure_residuals, quadratic, turn
from nasion.train.gaze_points import INDEX, ROW, draw_heads, gather, see, true_gaze, twenty
from nasion.train.landmark_gaze import GazeSet, make_set, mirrored

MIRROR = scheme("dense478").flip


def residuals(people: int = 60, seed: int = 0) -> Residuals:
    """Irises that follow half of the gaze, a part of 0.5 mm that stays with the person, one of 0.2 mm that does not."""
    rng = np.random.default_rng(seed)
    state = np.array([0, 0, 0, -4, 38, 38]) + rng.normal(0, 1, (4 * people, 6)) * [20, 10, 15, 10, 6, 6]
    error = rng.normal(0, 0.5, (people, 478, 3)).repeat(4, axis=0) + rng.normal(0, 0.2, (4 * people, 478, 3))
    error[:, 468:, 0] += 0.1 * state[:, 2:3]
    return Residuals(error.astype(np.float32), state.astype(np.float32), np.arange(people).repeat(4))


def test_the_noise_is_the_measured_one() -> None:
    noise = LandmarkNoise(residuals(), NODES, MIRROR)
    states = np.array([[0, 0, gaze, -4, 38, 38] for gaze in (-15.0, 0, 15)])
    np.testing.assert_allclose(noise.bias(states)[:, 0, 0], (-1.5, 0, 1.5), atol=0.15)
    np.testing.assert_allclose(noise.bias(states)[:, 20, 0], 0, atol=0.25)
    rng = np.random.default_rng(1)
    assert noise.person(rng, 400).std() == pytest.approx(0.5, rel=0.15)
    assert noise.picture(rng, 400).std() == pytest.approx(0.2, rel=0.15)


def test_the_mirror_image_errs_like_a_mirror_image() -> None:
    noise = LandmarkNoise(residuals(), NODES, MIRROR)
    state = np.array([[12.0, 3, 9, -2, 30, 40], [-12.0, 3, -9, -2, 40, 30]])
    right, left = noise.bias(state)
    partner = [NODES.index(int(MIRROR[p])) for p in NODES]
    np.testing.assert_allclose(left[partner] * (-1, 1, 1), right, atol=1e-3)
    assert quadratic(state).shape == (2, 28)


def test_residuals_are_kept(tmp_path) -> None:
    made = residuals(5)
    made.save(tmp_path / "r.npz")
    again = Residuals.load(tmp_path / "r.npz")
    np.testing.assert_allclose(again.error, made.error, atol=2e-3)
    np.testing.assert_array_equal(again.person, made.person)
    (tmp_path / "s.npz").write_bytes(b"no")
    with pytest.raises(InputError, match=r"s\.npz holds no measured residuals"):
        Residuals.load(tmp_path / "s.npz")


def test_the_landmarkers_errors_can_be_measured() -> None:
    made = measure_residuals(people=1, seed=3)
    assert 1 <= len(made.error) <= 4
    assert made.error.shape[1:] == (478, 3)
    assert np.median(np.abs(made.error[:, list(NODES), :2])) < 4  # mm
    assert (made.state[:, 4:] > 5).all()


def test_true_points_give_the_true_pose_back() -> None:
    heads = draw_heads(np.random.default_rng(0), 3, 2, HeadModel.load())
    # the assumed field of view is not the real one: the distance is wrong, the direction of the face hardly
    seen = see(heads, np.zeros_like(heads.points))
    assert gaze_error(seen.rotation[:, :, 2], heads.rotation[:, :, 2]).max() < 14
    np.testing.assert_allclose(seen.rows([1])[:, 0], seen.pixels[:, ROW[1]])


def test_errors_are_laid_upright() -> None:
    """A millimetre to the right in the upright picture of a head that lies on its side goes down in the picture."""
    np.testing.assert_allclose(np.array([1.0, 0]) @ turn(90).T, (0, 1), atol=1e-9)
    heads = draw_heads(np.random.default_rng(0), 1, 1, HeadModel.load())
    heads = replace(heads, roll=np.array([90.0]))
    right = np.broadcast_to([1.0, 0, 0], heads.points.shape)
    moved = (see(heads, right).pixels - see(heads, 0 * right).pixels)[0, 0]
    assert moved[1] == pytest.approx(heads.focal[0] / heads.translation[0, 2], rel=1e-3)


def test_a_mirrored_set_is_the_set_of_mirrored_heads() -> None:
    model = HeadModel.load()
    rng = np.random.default_rng(2)
    head = HeadParameters(identity=rng.normal(0, 0.8, 40), gaze=((14.0, -6.0), (11.0, -6.0)))
    poses = place(20, 8, 5, (30.0, 10, 600)), place(-20, 8, -5, (-30.0, 10, 600))
    heads = gather([(head, poses[0], 300.0), (model.mirror(head), poses[1], 300.0)], model)
    points, turns = twenty(see(heads, np.zeros_like(heads.points)))
    gaze = np.einsum("bij,bj->bi", turns, true_gaze(heads))
    one, other = (GazeSet(points[i : i + 1], gaze[i : i + 1], np.zeros(1, int)) for i in (0, 1))
    np.testing.assert_allclose(mirrored(one).points, other.points, atol=0.05)
    np.testing.assert_allclose(mirrored(one).gaze, other.gaze, atol=1e-3)


def test_gaze_is_that_of_the_parameters() -> None:
    heads = gather([(HeadParameters(gaze=((10.0, 5.0), (10.0, 5.0))), place(0, 0, 0), 300.0)], HeadModel.load())
    np.testing.assert_allclose(true_gaze(heads)[0], gaze_vector(np.array([10.0, 5.0])), atol=1e-9)
    made = make_set(None, people=4, views=3)
    assert made.points.shape == (12, 20, 2)
    np.testing.assert_allclose(np.linalg.norm(made.gaze, axis=1), 1, atol=1e-5)


def test_simulated_sessions_look_where_they_say() -> None:
    made = draw_sessions(residuals(), 6, seed=4)
    assert made.points.shape == (6, SUPPORT + QUERY, VIEWS, 38, 3)
    landed = meet_plane(made.eyes[:, :, 0].reshape(-1, 3).astype(float), made.gaze.reshape(-1, 3).astype(float))
    off = np.linalg.norm(landed - made.target.reshape(-1, 2), axis=1).reshape(6, -1) / made.eyes[:, :, 0, 2]
    # the eyes are where our own pose puts them, the screen a little aside of where it is said to be
    assert np.median(off) < 0.2
    still, later = made.eyes[:, :SUPPORT, 0].std(axis=1), made.eyes[:, SUPPORT:, 0].std(axis=1)
    assert (later[made.moving] > 1.5 * still[made.moving]).all()
    assert INDEX.index(1) == ROW[1]
    assert made.raw.shape[2] == len(INDEX)


def test_trees_learn_products_and_keep_to_what_they_saw() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2500, 6))
    y = np.stack([np.sin(2 * x[:, 0]) * x[:, 1], np.abs(x[:, 2])], axis=1)
    trees = fit_trees(x[:2000], y[:2000], 50)
    left = ((trees.predict(x[2000:]) - y[2000:]) ** 2).mean(axis=0) / y.var(axis=0)
    assert left[0] < 0.35
    assert left[1] < 0.1
    with pytest.raises(InputError, match="as many rows"):
        fit_trees(x[:3], y[:2])
