"""One Eye gaze without networks: crops, corners, the calibration of an ensemble."""

import numpy as np
import pytest

from nasion.core import Camera, FloatArray, InputError, IntArray, ModelError
from nasion.gaze import EyeCode, OneEyeGaze, calibrate_ensemble
from nasion.gaze.one_eye import MARGIN, PHONE, SIDE, eye_view, mirrored, phone_corners
from nasion.gaze.support_vectors import fit_support_vectors, kernel

ENDS = np.array([[[250.0, 300.0], [216.0, 302.0]], [[140.0, 301.0], [172.0, 303.0]]])  # left eye, right eye


def test_an_eye_takes_its_share_of_the_crop() -> None:
    view = eye_view(ENDS[0], SIDE)
    a, b = ENDS[0] @ view[:, :2].T + view[:, 2]
    assert (a + b) / 2 == pytest.approx([(SIDE - 1) / 2] * 2)
    assert np.linalg.norm(a - b) == pytest.approx(SIDE / MARGIN)
    larger = eye_view(ENDS[0], SIDE + 10)  # the same eye with five more px on each side
    assert larger[:, 2] - view[:, 2] == pytest.approx([5, 5])


def test_corners_do_not_depend_on_the_camera_that_saw_them() -> None:
    """The same rays through a phone's and a webcam's lens."""
    webcam = Camera.for_image(1280, 720, 75.0)
    rays = (ENDS - (PHONE.cx, PHONE.cy)) / (PHONE.fx, PHONE.fy)
    there = rays * (webcam.fx, webcam.fy) + (webcam.cx, webcam.cy)
    assert phone_corners(there, webcam) == pytest.approx(phone_corners(ENDS, PHONE))
    assert phone_corners(ENDS, PHONE)[0] == pytest.approx([250 / 480, 300 / 640, 216 / 480, 302 / 640])
    assert np.isnan(phone_corners(ENDS / 20, PHONE)).all()


def test_corners_in_a_mirror_are_those_of_the_mirrored_picture() -> None:
    flipped = ENDS * (-1, 1) + (479, 0)
    assert mirrored(phone_corners(ENDS, PHONE)) == pytest.approx(phone_corners(flipped, PHONE), abs=1e-6)


def test_support_vectors_leave_small_errors_alone_and_explain_large_ones() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (120, 3))
    wanted = np.stack([np.sin(x[:, 0]) + x[:, 1] ** 2, x[:, 2]], axis=1)
    machine = fit_support_vectors(x, wanted, 20.0, 0.3, 0.05)
    inside = np.abs(machine(x) - wanted)
    assert inside.max() < 0.12
    assert (machine.weight == 0).mean() > 0.2, "rows within the slack carry nothing"
    later = rng.normal(0, 0.7, (50, 3))
    truth = np.stack([np.sin(later[:, 0]) + later[:, 1] ** 2, later[:, 2]], axis=1)
    assert np.abs(machine(later) - truth).mean() < 0.1


def test_support_vectors_are_the_best_of_their_kind() -> None:
    """No step of any dual number lowers the objective any further."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, (40, 2)), rng.normal(0, 1, (40, 1))
    cost, slack = 1.5, 0.1
    machine = fit_support_vectors(x, y, cost, 0.4, slack)
    gram, aim = kernel(x, x, 0.4), (y - machine.middle)[:, 0]

    def objective(weight: FloatArray) -> float:
        return float(0.5 * weight @ gram @ weight - weight @ aim + slack * np.abs(weight).sum())

    best = machine.weight[:, 0]
    assert np.abs(best).max() <= cost
    for i in range(40):
        for step in (-1e-3, 1e-3):
            moved = best.copy()
            moved[i] = np.clip(moved[i] + step, -cost, cost)
            assert objective(moved) >= objective(best) - 1e-4


def test_support_vectors_need_a_value_for_each_row() -> None:
    with pytest.raises(InputError, match="a value for every row"):
        fit_support_vectors(np.zeros((3, 2)), np.zeros((2, 1)), 1.0, 1.0, 0.1)


def session(
    rng: np.random.Generator, dots: int, frames: int, offset: float, noise: float = 0.8
) -> tuple[EyeCode, FloatArray, IntArray]:
    """A person whose looks are off by an offset of their own that grows to one side, seen by four noisy networks."""
    places = rng.uniform((-3, -12), (3, -1), (dots, 2))
    dot = np.repeat(np.arange(dots), frames)
    target = places[dot]
    hidden = target + rng.normal(0, noise / 2, target.shape)
    off = offset * np.array([1.0, -0.6]) * (1 + 0.15 * hidden[:, :1])
    guesses = (hidden - off)[:, None] + rng.normal(0, noise, (len(dot), 4, 2))
    mixing = np.random.default_rng(5).normal(0, 1, (4, 2, 4))  # what the four networks' last layers hold
    code = np.einsum("nmi,mij->nmj", guesses, mixing).reshape(len(dot), 16)
    return EyeCode(guesses.mean(axis=1), np.maximum(code, 0)), target, dot


def off(points: FloatArray, target: FloatArray) -> float:
    return float(np.linalg.norm(points - target, axis=1).mean())


def test_thirteen_dots_take_a_fifth_off_a_persons_error() -> None:
    gains = []
    for seed in range(3):
        looks, target, dot = session(np.random.default_rng((3, seed)), 43, 10, offset=2.0)
        known = dot < 13
        fitted = calibrate_ensemble(EyeCode(looks.point[known], looks.code[known]), target[known], dot[known])
        later = EyeCode(looks.point[~known], looks.code[~known])
        gains.append(off(fitted(later), target[~known]) / off(later.point, target[~known]))
        assert fitted.left_out.keys() == {"none", "constant", "support vectors"}
    assert np.mean(gains) <= 0.8


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_five_dots_never_make_it_much_worse(offset: float) -> None:
    for seed in range(5):
        looks, target, dot = session(np.random.default_rng((4, seed)), 25, 4, offset)
        known = dot < 5
        fitted = calibrate_ensemble(EyeCode(looks.point[known], looks.code[known]), target[known], dot[known])
        later = EyeCode(looks.point[~known], looks.code[~known])
        assert off(fitted(later), target[~known]) <= 1.05 * off(later.point, target[~known])


def test_dots_are_left_out_whole() -> None:
    """Codes that tell dots apart but say nothing about others must not look like a good calibration."""
    rng = np.random.default_rng(6)
    dot = np.repeat(np.arange(9), 10)
    target = rng.uniform(-3, 3, (9, 2))[dot]
    names = rng.normal(0, 3, (9, 16))[dot] + rng.normal(0, 0.01, (90, 16))
    fitted = calibrate_ensemble(EyeCode(target + rng.normal(0, 0.8, (9, 2))[dot], names), target, dot)
    assert fitted.kind == "none"


def test_two_dots_calibrate_nothing() -> None:
    looks, target, dot = session(np.random.default_rng(7), 2, 10, 3.0)
    fitted = calibrate_ensemble(looks, target, dot)
    assert fitted.kind == "none"
    assert fitted(looks) == pytest.approx(looks.point)


def test_a_calibration_needs_a_target_for_each_look() -> None:
    looks, target, dot = session(np.random.default_rng(8), 4, 2, 0.0)
    with pytest.raises(InputError, match="a target and a dot for each look"):
        calibrate_ensemble(looks, target[:-1], dot)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="nasion gaze train one-eye-gaze"):
        OneEyeGaze("gaze")
