"""Open or shut from pixels: how crops are cut, and what the shipped network says of rendered eyes."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Box, Face, InputError, Landmarks, scheme
from nasion.eyes import EyeStateReader, eye_crops
from nasion.eyes.state import MARGIN, SIDE
from nasion.synth import LIGHTS, HeadModel, Sample, Scene, place, portrait, render_scene, sample_head

LAYOUT = scheme("ibug68")


def marks(
    left: tuple[float, float, float, float], right: tuple[float, float, float, float], sigma: float = 0.3
) -> Landmarks:
    """Faces that are nothing but eye corners: first and other corner of each eye, x0, y0, x1, y1."""
    points = np.full((68, 2), 5.0, np.float32)
    for group, (x0, y0, x1, y1) in (("left_eye", left), ("right_eye", right)):
        index = LAYOUT.index(group)
        points[index] = (x0 + x1) / 2, (y0 + y1) / 2
        points[index[0]], points[index[3]] = (x0, y0), (x1, y1)
    return Landmarks(points, np.ones(68, np.float32), np.full(68, sigma, np.float32), LAYOUT)


@pytest.fixture(scope="module")
def rendered() -> list[tuple[Sample, float]]:
    """Three people, eyes open by 38 degrees and shut."""
    model, (camera, distance) = HeadModel.load(), portrait((160, 160), 0.7, 30.0)
    made = []
    for seed in (1, 2, 3):
        head = sample_head(np.random.default_rng((9, seed)), tone=(2, 6))
        for opening in (38.0, 0.0):
            eyes = replace(head, lids=(opening, opening), gaze=((0.0, 0.0), (0.0, 0.0)), expression={})
            scene = Scene(eyes, place(5, 0, 0, (0.0, 0.0, distance)), camera, (160, 160), light=LIGHTS["soft"])
            made.append((render_scene(scene, model), opening))
    return made


def test_crops_hold_the_eye_in_the_middle_and_level() -> None:
    image = np.full((100, 200, 3), 20, np.uint8)
    image[:, 140:] = 220  # an edge through the middle of the left eye
    left, right = eye_crops(image, marks((130, 50, 150, 50), (40, 50, 60, 50)))
    assert left.shape == right.shape == (SIDE, SIDE)
    assert left[:, : SIDE // 2 - 1].max() < 60 and left[:, SIDE // 2 + 1 :].min() > 180
    assert right.max() == 20
    tilted = eye_crops(image.transpose(1, 0, 2).copy(), marks((50, 130, 50, 150), (50, 40, 50, 60)))[0]
    assert tilted[:, : SIDE // 2 - 1].max() < 60 and tilted[:, SIDE // 2 + 1 :].min() > 180


def test_crops_are_as_wide_as_the_training_crops() -> None:
    image = np.full((100, 200, 3), 20, np.uint8)
    image[:, 130:151] = 220  # as wide as the eye
    left = eye_crops(image, marks((130, 50, 150, 50), (40, 50, 60, 50)))[0]
    assert (left[SIDE // 2] > 120).mean() == pytest.approx(1 / MARGIN, abs=0.06)


def test_open_eyes_are_told_from_shut_ones(rendered: list[tuple[Sample, float]]) -> None:
    read = EyeStateReader()
    open_, shut = [], []
    for sample, opening in rendered:
        points = sample.truth.landmarks("ibug68")
        face = Face(Box(0, 0, 160, 160), 0.9, Landmarks.from_points(points.points[:, :2], LAYOUT, 0.5))
        state = read.read(sample.image, [face])[0]
        (open_ if opening else shut).extend([state.left, state.right])
        assert state.reliability > 0.5
    assert np.mean(open_) > np.mean(shut) + 0.3
    assert np.mean([a > b for a in open_ for b in shut]) > 0.85


def test_light_and_contrast_change_little(rendered: list[tuple[Sample, float]]) -> None:
    sample = rendered[0][0]
    crops = np.stack(eye_crops(sample.image, sample.truth.landmarks("ibug68")))
    dark = (crops * 0.5 + 10).astype(np.uint8)
    read = EyeStateReader()
    np.testing.assert_allclose(read.probability(crops), read.probability(dark), atol=0.2)
    np.testing.assert_allclose(read.probability(crops), read.probability(crops[:, :, ::-1].copy()), atol=1e-4)


def test_eyes_too_small_or_nowhere_say_so() -> None:
    image = np.full((100, 200, 3), 20, np.uint8)

    def state(landmarks: Landmarks) -> object:
        return EyeStateReader().read(image, [Face(Box(0, 0, 9, 9), 0.9, landmarks)])[0]

    small = state(marks((130, 50, 135, 50), (40, 50, 45, 50)))
    assert small.reliability < 0.5 and "small" in small.reason
    vague = state(marks((130, 50, 150, 50), (40, 50, 60, 50), sigma=15.0))
    assert vague.reliability < 0.5 and "not known" in vague.reason
    gone = state(marks((130, 50, 150, 50), (40, 50, 40, 50)))
    assert np.isnan(gone.right) and np.isfinite(gone.left)


def test_crops_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        EyeStateReader().probability(np.zeros((2, SIDE, SIDE), np.float32))
    with pytest.raises(InputError, match=str(SIDE)):
        EyeStateReader().probability(np.zeros((2, 10, 10), np.uint8))
