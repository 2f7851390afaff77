"""Fitting the head: what was put in comes out, and what cannot be trusted does not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Camera, InputError, Landmarks, scheme
from nasion.synth.fit import FREE_UNITS, PointFit, assumed_camera, fit_points
from nasion.synth.fit_skin import VIEW, fit_pixels, frame, look
from nasion.synth.light import LIGHTS
from nasion.synth.model import HeadModel
from nasion.synth.parameters import N_IDENTITY, HeadParameters
from nasion.synth.scene import Look, Sample, Scene, place, portrait, render_scene
from nasion.synth.surface import Region

DENSE = scheme("dense478")
SIZE = (192, 192)


def head(seed: int, **more: object) -> HeadParameters:
    rng = np.random.default_rng(seed)
    code = np.clip(rng.normal(0, 0.9, N_IDENTITY), -2.5, 2.5)
    plain = HeadParameters(
        identity=code, expression={12: 0.6, 4: (0.5, 0.3)}, gaze=((6, -4), (4, -4)), lids=(32.0, 24.0), detail=0.3
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # any field


def scene(shown: HeadParameters, yaw: float = 12.0, **more: object) -> Scene:
    camera, depth = portrait(SIZE, fill=0.62)
    return replace(Scene(shown, place(yaw, -6, 4, (5.0, -6.0, depth)), camera, SIZE, LIGHTS["soft"]), **more)  # type: ignore[arg-type]


def labels(sample: Sample, sigma: float = 0.5) -> Landmarks:
    return Landmarks.from_points(sample.truth.points, DENSE, sigma)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_true_points_give_back_the_head(model: HeadModel, seed: int) -> None:
    shown = head(seed)
    made = scene(shown, yaw=15.0 * (seed - 2))
    truth = render_scene(made, model).truth
    fit = fit_points(Landmarks.from_points(truth.points, DENSE, 0.3), made.camera, model)
    assert fit.error < 0.003
    assert fit.points == pytest.approx(truth.points, abs=1.5)
    for angle in ("yaw", "pitch", "roll"):
        assert getattr(fit.pose, angle) == pytest.approx(getattr(made.pose, angle), abs=0.6)
    assert np.corrcoef(fit.head.identity, shown.identity)[0, 1] > 0.9
    found, true = (np.array([h.sides(u) for u in FREE_UNITS]) for h in (fit.head, shown))
    assert np.abs(found - true).max() < 0.25
    assert fit.head.lids == pytest.approx(shown.lids, abs=1.5)
    assert np.array(fit.head.gaze) == pytest.approx(np.array(shown.gaze), abs=1.5)


def test_the_mirrored_points_give_the_mirrored_head(model: HeadModel) -> None:
    made = scene(head(4))
    points = labels(render_scene(made, model))
    own = fit_points(points, made.camera, model)
    other = fit_points(points.flip(SIZE[0]), replace(made.camera, cx=SIZE[0] - 1 - made.camera.cx), model)
    assert other.pose.yaw == pytest.approx(-own.pose.yaw, abs=0.05)
    assert other.head.identity == pytest.approx(model.mirror(own.head).identity, abs=0.05)
    assert other.head.lids == pytest.approx(own.head.lids[::-1], abs=0.2)


def test_points_not_to_be_trusted_count_little(model: HeadModel) -> None:
    made = scene(head(5))
    points = labels(render_scene(made, model))
    wrong = np.array(DENSE.index("outer_lips"))
    moved, sigma, seen = points.points.copy(), points.sigma.copy(), points.visibility.copy()
    moved[wrong] += (0, 5)
    sigma[wrong], seen[wrong] = 10.0, 0.05
    doubtful = fit_points(Landmarks(moved, seen, sigma, DENSE), made.camera, model)
    believed = fit_points(replace(points, points=moved), made.camera, model)
    off = [np.linalg.norm(fit.points[wrong] - points.points[wrong], axis=1).mean() for fit in (doubtful, believed)]
    assert off[0] < 1
    assert off[0] < 0.4 * off[1]
    assert abs(doubtful.pose.pitch - made.pose.pitch) < 1


def test_fewer_than_all_points_or_none_at_all_are_refused(model: HeadModel) -> None:
    camera = Camera.for_image(*SIZE)
    points = np.zeros((478, 2), np.float32)
    with pytest.raises(InputError, match="one place"):
        fit_points(Landmarks.from_points(points, DENSE), camera, model)
    with pytest.raises(InputError, match="not finite"):
        fit_points(Landmarks.from_points(np.where(points == 0, np.nan, 0), DENSE), camera, model)
    sparse = Landmarks.from_points(np.zeros((68, 2), np.float32), scheme("ibug68"))
    with pytest.raises(InputError, match="dense478"):
        fit_points(sparse, camera, model)
    with pytest.raises(InputError, match="dense478"):
        assumed_camera(sparse, 100, 100)


def test_a_face_that_fills_the_picture_is_thought_to_be_a_metre_away(model: HeadModel) -> None:
    points = labels(render_scene(scene(head(6)), model))
    near, far = assumed_camera(points, *SIZE), assumed_camera(points, 1920, 1080)
    assert near.fx > 1.5 * Camera.for_image(*SIZE).fx
    assert far == Camera.for_image(1920, 1080)


def test_a_view_looks_at_the_photo_through_its_own_camera(model: HeadModel) -> None:
    made = scene(head(7))
    sample = render_scene(made, model)
    fit = fit_points(labels(sample), made.camera, model)
    for side in (90, 300):  # smaller and larger than the photo
        matrix, camera = frame(fit, side)
        seen, there = look(sample.image, matrix, side)
        again = render_scene(replace(made, camera=camera, size=(side, side)), model)
        face = (there > 0.99) & (again.regions == Region.SKIN)
        assert np.abs(seen.astype(int) - again.image)[face].mean() < 4
        shifted = np.roll(again.image, side // 30, axis=1)  # the measure notices a thirtieth of the view
        assert (
            np.abs(seen.astype(int) - shifted)[face].mean() > 1.3 * np.abs(seen.astype(int) - again.image)[face].mean()
        )


def fitted(sample: Sample, model: HeadModel) -> PointFit:
    return fit_points(labels(sample), sample.truth.camera, model)


def test_tone_and_light_come_back(model: HeadModel) -> None:
    tones = []
    for tone in (2.0, 5.0, 9.0):
        sample = render_scene(scene(head(8, tone=tone), look=Look(exposure=1.7 * np.exp(0.1 * (tone - 4.5)))), model)
        found = fit_pixels(sample.image, fitted(sample, model), np.ones(478, np.float32), model)
        assert found.head.tone == pytest.approx(tone, abs=2.5)
        assert found.skin_error < 6
        again = render_scene(found.scene(sample.truth.camera, SIZE), model).image
        skin = np.isin(sample.regions, (Region.SKIN, Region.NOSE))
        assert np.abs(again.astype(float) - sample.image)[skin].mean() < 12
        tones.append(found.head.tone)
    assert tones[0] + 0.5 < tones[1] < tones[2] - 1


def test_something_before_the_face_changes_little(model: HeadModel) -> None:
    sample = render_scene(scene(head(9, tone=4.0)), model)
    fit, seen = fitted(sample, model), np.ones(478, np.float32)
    covered = sample.image.copy()
    covered[: SIZE[1] // 2 - 20] = 15  # a dark fringe over the forehead
    plain, fringed = (fit_pixels(image, fit, seen, model) for image in (sample.image, covered))
    assert fringed.head.tone == pytest.approx(plain.head.tone, abs=1.2)
    assert fringed.skin_error < plain.skin_error + 4


def test_grey_and_black_photos(model: HeadModel) -> None:
    sample = render_scene(scene(head(10), look=Look(grey=True)), model)
    fit, seen = fitted(sample, model), np.ones(478, np.float32)
    grey = fit_pixels(sample.image, fit, seen, model)
    assert grey.grey
    assert np.ptp(grey.light.ambient, axis=1) == pytest.approx(0, abs=1e-9)
    image = render_scene(grey.scene(*_view(fit)), model).image
    assert (image[..., 0] == image[..., 2]).all()
    nothing = fit_pixels(np.zeros_like(sample.image), fit, seen, model)
    assert "hardly any skin" in nothing.reason
    assert nothing.head == fit.head
    assert np.isnan(nothing.skin_error)
    with pytest.raises(InputError, match="RGB uint8"):
        fit_pixels(sample.image[..., 0], fit, seen, model)


def _view(fit: PointFit) -> tuple[Camera, tuple[int, int]]:
    return frame(fit, VIEW)[1], (VIEW, VIEW)
