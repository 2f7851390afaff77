"""Imitation of expressions: shapes, the linear case, actuators with faults, limits, and what a person at rest means."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, Landmarks, ModelError, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.expression.imitation import (
    ActuatorMap,
    Decoupler,
    Imitator,
    LinearDecoupler,
    LinearFace,
    RobotFace,
    babble,
    calibrate,
    head_face,
    normalised,
    shape_of,
    to_arkit,
    units_of,
)
from nasion.expression.imitation.linear import UNITS, slider_names
from nasion.expression.imitation.robot import MOTORS
from nasion.expression.imitation.shape import STEADY
from nasion.synth.model import HeadModel
from nasion.synth.parameters import N_IDENTITY, HeadParameters
from nasion.synth.presets import expression

SHOWN = tuple(unit for unit in UNITS if unit not in (23, 28))


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def face() -> LinearFace:
    """The head's own bases, each unit that robots have on both sides: 20 sliders."""
    whole = head_face()
    names = tuple(f"au{unit}" for unit in SHOWN)
    both = [whole.expression[[n.partition("_")[0] == name for n in whole.names]].sum(0) for name in names]
    return LinearFace(whole.mean, whole.identity, np.stack(both), names)


def person(seed: int) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, 0.9, N_IDENTITY), -2.5, 2.5).astype(np.float32)


def shapes(model: HeadModel, identity: np.ndarray, *shown: dict) -> np.ndarray:
    return np.stack([normalised(model.points(HeadParameters(identity=identity, expression=e))) for e in shown])


def test_shapes_have_no_place_turn_or_size(model: HeadModel) -> None:
    points = model.points(HeadParameters(identity=person(1), expression=expression("happy")))
    moved = 3.7 * points @ angles_to_rotation(35, -20, 12).T + (40, -7, 900)
    shape = normalised(points)
    np.testing.assert_allclose(normalised(moved), shape, atol=1e-9)
    assert np.linalg.norm(shape[[33, 133]].mean(0) - shape[[263, 362]].mean(0)) == pytest.approx(1)
    assert shape[152, 1] > 0 > shape[10, 1]  # chin down, forehead up
    assert shape[4, 2] < shape[234, 2]  # the nose is nearest
    with pytest.raises(InputError, match="dense478"):
        normalised(np.zeros((68, 3)))
    with pytest.raises(InputError, match="finite"):
        normalised(np.full((478, 3), np.nan))
    with pytest.raises(InputError, match="depth"):
        shape_of(Landmarks.from_points(points[:, :2], scheme("dense478")))


def test_steady_points_hardly_move(model: HeadModel) -> None:
    """An expression must not be taken for another alignment."""
    rest, *shown = shapes(model, person(2), {}, *(expression(n) for n in ("happy", "angry", "surprised")))
    steady = list(STEADY)
    for shape in shown:
        assert np.abs(shape - rest)[steady].max() < 0.006
        assert np.abs(shape - rest).max() > 0.05


def test_sliders_come_back_exactly(face: LinearFace) -> None:
    """The card: without noise to 1e-6, with 1 % noise to 0.03 in the mean; the person's rest from 15 frames."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(8):
        who, sliders = rng.normal(0, 1, N_IDENTITY), np.where(rng.random(len(SHOWN)) < 0.4, rng.random(len(SHOWN)), 0)
        rest, seen = face.shape(who, 0 * sliders), face.shape(who, sliders)
        assert np.abs(face.sliders(seen, rest) - sliders).max() < 1e-6
        frames = np.median([rest + rng.normal(0, 0.01, rest.shape) for _ in range(15)], axis=0)
        errors.append(np.abs(face.sliders(seen + rng.normal(0, 0.01, seen.shape), frames) - sliders).mean())
    assert np.mean(errors) < 0.03
    with pytest.raises(InputError, match="468"):
        face.sliders(seen[:100], rest)


def test_a_person_is_not_an_expression(face: LinearFace) -> None:
    """Fitted together, people at rest have next to no sliders, and a smile is a smile on all of them."""
    rng = np.random.default_rng(1)
    smile = np.zeros(len(SHOWN))
    smile[SHOWN.index(12)] = 0.8
    for _ in range(4):
        who = rng.normal(0, 0.8, N_IDENTITY)
        assert face.both(face.shape(who, 0 * smile))[1].max() < 0.1
        found = face.both(face.shape(who, smile))[1]
        assert found[SHOWN.index(12)] == pytest.approx(0.8, abs=0.1)


class Lever:
    """Three motors that move a code of five numbers: dead zone, bent curve, cross-talk."""

    names = ("a", "b", "c")
    directions = np.array([[1.0, 0, 0, 0.2, 0], [0, 0.8, 0, 0, 0.1], [0.3, 0, 1.2, 0, 0]])

    def __call__(self, commands: np.ndarray) -> np.ndarray:
        moved = np.clip((commands - 0.125) / 0.875, 0, 1) ** np.array([1.0, 1.4, 0.8])
        return moved @ self.directions + np.arange(5)


@pytest.fixture(scope="module")
def lever() -> ActuatorMap:
    return calibrate(Lever(), Lever.names, samples=600, seed=1)


def test_a_map_learns_curves_and_cross_talk(lever: ActuatorMap) -> None:
    np.testing.assert_allclose(lever.rest, np.arange(5), atol=0.02)
    np.testing.assert_allclose(lever.directions, Lever.directions, atol=0.04)
    assert (np.diff(lever.curves, axis=1) >= 0).all()
    assert lever.curves[:, 1].max() < 0.03  # the dead zone ends at 1/8
    tried = babble(3, 50, 9)
    assert np.abs(lever.code(tried) - Lever()(tried)).max() < 0.05


def test_commands_show_what_is_wanted(lever: ActuatorMap) -> None:
    """Through dead zone, curve and cross-talk, together and not one by one."""
    wanted = np.array([0.6, 0.0, 0.45])
    change = Lever()(wanted[None])[0] - np.arange(5)
    told = lever.commands(change)
    np.testing.assert_allclose(told, wanted, atol=0.04)
    assert told[1] == 0  # a motor that has nothing to do stays at rest
    assert (lever.commands(-change) == 0).all()
    np.testing.assert_allclose(lever.commands(10 * change)[[0, 2]], 1, atol=1e-6)
    with pytest.raises(InputError, match="finite"):
        lever.commands(np.full(5, np.nan))


def test_limits_are_kept_and_others_help_out(lever: ActuatorMap) -> None:
    held = ActuatorMap(
        lever.names, lever.rest, lever.directions, lever.curves, np.array([[0, 0.5], [0.2, 1], [0, 0.4]])
    )
    rng, before = np.random.default_rng(3), np.array([0.0, 0.2, 0.0])
    for _ in range(60):
        told = held.commands(rng.normal(0, 2, 5), previous=before, smooth=0.1, most=0.07)
        assert ((told >= held.limits[:, 0]) & (told <= held.limits[:, 1])).all()
        assert np.abs(told - before).max() <= 0.07 + 1e-12
        before = told


def test_bad_babbling_is_refused() -> None:
    commands, codes = babble(3, 100), np.zeros((100, 5))
    for wrong, match in (
        ((commands[:10], codes[:10]), "24 samples"),
        ((commands * 2, codes), r"0\.\.1"),
        ((commands, codes[:50]), "babbling"),
        ((commands, codes + np.nan), "finite"),
    ):
        with pytest.raises(InputError, match=match):
            ActuatorMap.fit(*wrong, Lever.names)
    with pytest.raises(InputError, match="limits"):
        ActuatorMap.fit(commands, codes, Lever.names, limits=np.array([[0.5, 0.1]] * 3))


def test_the_robot_has_faults_and_refuses_what_breaks_motors() -> None:
    ideal, robot = RobotFace.ideal(), RobotFace.drawn(3)
    smile = np.zeros(len(MOTORS))
    smile[robot.names.index("smile_left")] = 0.5
    assert ideal.posed(smile).sides(12) == pytest.approx((0.5, 0))
    assert robot.posed(smile).sides(12) != pytest.approx((0.5, 0), abs=0.01)
    barely = np.minimum(smile, 0.01)
    assert robot.posed(barely).sides(12) == (0, 0)
    moved = robot.posed(smile)
    dragged = [moved.sides(12)[1], *(v for unit in moved.expression if unit != 12 for v in moved.sides(unit))]
    assert 0.005 < max(dragged) < 0.2
    for wrong in (smile[:3], smile + 1, smile - 1):
        with pytest.raises(InputError, match=r"0\.\.1"):
            robot.posed(wrong)


class Truth:
    """Codes that are the landmarks' displacement from a person known in advance: a stand-in for a perfect network."""

    def codes(self, seen: np.ndarray) -> np.ndarray:
        return seen.reshape(len(seen), -1)[:, ::7]

    people = codes


@pytest.fixture(scope="module")
def robot_map() -> tuple[RobotFace, ActuatorMap]:
    robot = RobotFace.drawn(5, HeadParameters(identity=person(40), hair="bald"))
    return robot, calibrate(lambda c: Truth().codes(robot.shapes(c)), robot.names, samples=220)


def test_a_person_at_rest_moves_nothing(model: HeadModel, robot_map: tuple[RobotFace, ActuatorMap]) -> None:
    """The card: below 0.05 for every person, once the person was met; a stranger's shape is read as expression."""
    strangers = []
    for seed in range(6):
        rest, happy = shapes(model, person(seed), {}, expression("happy"))
        imitator = Imitator(Truth(), robot_map[1])
        strangers.append(np.abs(imitator(rest).commands).max())
        imitator.meet(np.stack([rest, rest, happy, rest, rest]))
        told = imitator(rest)
        assert np.abs(told.commands).max() < 0.05
        assert (told.missed, told.reliability) == (0, 1)
        assert imitator(happy).commands[robot_map[0].names.index("smile_left")] > 0.5
    assert max(strangers) > 0.3


def test_an_imitation_obeys_limits_and_rate(model: HeadModel, robot_map: tuple[RobotFace, ActuatorMap]) -> None:
    shown = shapes(model, person(8), {}, *(expression(n) for n in ("happy", "surprised", "angry", "sad")))
    imitator = Imitator(Truth(), robot_map[1], rate=3.0)
    imitator.meet(shown[:1])
    told = np.stack([imitator(shown[k // 4 % 5], k / 30).commands for k in range(60)])
    assert told.min() >= 0
    assert told.max() <= 1
    assert np.abs(np.diff(told, axis=0)).max() <= 3.0 / 30 + 1e-9
    assert told.max(0).max() > 0.5  # it gets somewhere
    with pytest.raises(InputError, match="advance"):
        imitator(shown[0], 0.5)


def test_an_impossible_expression_is_not_believed(robot_map: tuple[RobotFace, ActuatorMap]) -> None:
    robot, mapped = robot_map
    rest = robot.shapes(np.zeros((1, len(MOTORS))))[0]
    away = rest.copy()
    away[:, 1] -= 0.3 * (rest[:, 1] > 0.5)  # a jaw pushed up into the face
    imitator = Imitator(Truth(), mapped)
    imitator.meet(rest[None])
    found = imitator(away)
    assert found.missed > 0.6
    assert found.reliability < 0.5
    assert "cannot show" in found.reason


def test_linear_codes_cross_to_a_face_out_of_proportion(model: HeadModel) -> None:
    """A smile of a narrow face lands as a smile on a wide one; landmarks laid on landmarks pull other motors."""
    wide = np.zeros(N_IDENTITY, np.float32)
    spread = [
        np.ptp(model.neutral(HeadParameters(identity=2.5 * d))[[172, 397], 0]) for d in np.eye(40, dtype=np.float32)
    ]
    wide[int(np.argmax(spread))] = 2.5
    robot = RobotFace.ideal(HeadParameters(identity=wide, hair="bald"))
    tried = babble(len(MOTORS), 200, 2)
    seen, read = robot.shapes(tried), LinearDecoupler()
    by_code = ActuatorMap.fit(tried, read.codes(seen), robot.names)
    by_points = ActuatorMap.fit(tried, seen.reshape(len(seen), -1), robot.names)
    shown = expression("happy")
    rest, happy = shapes(model, -wide, {}, shown)
    aim = normalised(model.points(HeadParameters(identity=wide, expression=shown)))
    still = normalised(model.points(HeadParameters(identity=wide)))
    imitator = Imitator(read, by_code)
    imitator.meet(rest[None])
    told = {"code": imitator(happy).commands, "points": by_points.commands(happy.reshape(-1) - by_points.rest)}
    error = {k: np.linalg.norm(robot.shapes(a[None])[0] - aim) / np.linalg.norm(aim - still) for k, a in told.items()}
    assert error["code"] < 0.5 * error["points"]


def test_names() -> None:
    assert units_of((0.5, 0.25, 1.5), ("au12_left", "au12_right", "au4")) == {12: (0.5, 0.25), 4: (1.0, 1.0)}
    assert units_of((0.0,), ("au4",)) == {}
    arkit = to_arkit({12: (0.5, 0.25), 1: (0.1, 0.3), 26: (0.7, 0.7), 23: (1.0, 1.0)})
    assert arkit["mouthSmileLeft"] == 0.5
    assert arkit["mouthSmileRight"] == 0.25
    assert arkit["browInnerUp"] == 0.3
    assert arkit["jawOpen"] == 0.7
    assert {name for names in MOTORS.values() for name in names} <= set(slider_names())


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Decoupler(tmp_path / "absent.onnx")
    with pytest.raises(InputError, match="468"):
        LinearDecoupler().codes(np.zeros((2, 68, 3)))
