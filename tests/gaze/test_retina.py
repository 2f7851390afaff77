"""The log-polar retina keeps its card's promises: turns roll columns, zooms shift rows, the middle stays sharp."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import rgb
from nasion.core import InputError
from nasion.gaze.localise import LocalisationMap, localise, part_patches
from nasion.gaze.retina import Retina, bilinear, fixation, foveate

RETINA = Retina()
SIDE = 224
MIDDLE = (SIDE - 1) / 2


@pytest.fixture(scope="module")
def smooth(astronaut_path: Path) -> np.ndarray:
    small = cv2.resize(rgb(astronaut_path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), 2).astype(np.float32)


def around(matrix: np.ndarray, picture: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)


def test_grid_is_the_papers() -> None:
    # r from 1 to 1/32 of the half side, directions without the endpoint, in grid_sample's coordinates
    r = 2 ** np.linspace(0, -5, 224)[:, None]
    theta = 2 * np.pi * np.arange(224) / 224
    x, y = RETINA.grid(fixation(0.1, -0.2, SIDE), SIDE / 2)
    np.testing.assert_allclose((2 * x + 1) / SIDE - 1, r * np.cos(theta) + 0.1, atol=1e-4)
    np.testing.assert_allclose((2 * y + 1) / SIDE - 1, r * np.sin(theta) - 0.2, atol=1e-4)


def test_samples_are_those_of_grid_sample(smooth: np.ndarray) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch absent")
    x, y = RETINA.grid((MIDDLE + 20, MIDDLE - 9), SIDE / 2)
    grid = torch.from_numpy(np.stack([(2 * x + 1) / SIDE - 1, (2 * y + 1) / SIDE - 1], axis=-1)[None]).float()
    unit = smooth / 255
    theirs = torch.nn.functional.grid_sample(
        torch.from_numpy(unit).permute(2, 0, 1)[None], grid, padding_mode="zeros", align_corners=False
    )
    ours = bilinear(unit, x, y)
    assert np.abs(ours - theirs[0].permute(1, 2, 0).numpy()).max() < 1e-4


def test_bilinear_reads_between_pixels_and_fades_to_black_outside() -> None:
    picture = np.array([[0, 4], [8, 12]], np.float32)
    x, y = np.array([0.5, 1.0, 1.5, -0.5, 3.0]), np.array([0.5, 0.25, 1.0, 0.0, 3.0])
    np.testing.assert_allclose(bilinear(picture, x, y), [6, 6, 6, 0, 0], atol=1e-6)


def test_a_turn_by_45_degrees_rolls_28_columns(smooth: np.ndarray) -> None:
    turned = around(cv2.getRotationMatrix2D((MIDDLE, MIDDLE), -45, 1), smooth)
    inside = RETINA.radii(SIDE / 2) <= SIDE / 2 - 2  # the corners of the turned picture are black
    rolled = np.roll(RETINA.view(smooth), 28, axis=1)
    assert np.abs(rolled - RETINA.view(turned))[inside].mean() / 255 < 0.01
    assert np.abs(np.roll(rolled, 20, axis=1) - RETINA.view(turned))[inside].mean() / 255 > 0.05


def test_doubling_shifts_the_rows_by_45(smooth: np.ndarray) -> None:
    twice = around(np.array([[2, 0, -MIDDLE], [0, 2, -MIDDLE]]), smooth)
    before, after = RETINA.view(smooth), RETINA.view(twice)
    rows = np.arange(2, 224 - 46)
    low, share = (rows + 44.6).astype(int), 0.6
    expected = before[low] * (1 - share) + before[low + 1] * share
    assert np.corrcoef(expected.ravel(), after[rows].ravel())[0, 1] > 0.98
    assert np.corrcoef(before[rows].ravel(), after[rows].ravel())[0, 1] < 0.95


def test_the_picture_comes_back_best_in_the_middle(astronaut_path: Path) -> None:
    picture = cv2.resize(rgb(astronaut_path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    back = RETINA.picture(RETINA.view(picture), (SIDE, SIDE)).astype(float)
    away = np.hypot(*np.meshgrid(np.arange(SIDE) - MIDDLE, np.arange(SIDE) - MIDDLE)) / (SIDE / 2)
    quality = []
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)):
        ring = (away >= low) & (away < high)
        quality.append(10 * np.log10(255**2 / ((back[ring] - picture[ring]) ** 2).mean()))
    assert quality[0] > 30
    assert quality == sorted(quality, reverse=True)
    assert not back[away > 1.02].any()


def test_outer_rings_do_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (1024, 512))
    view, rough = Retina(64, 64).view(stripes), Retina(64, 64).view(stripes, smooth=False)
    assert view[5:20].std() < 4 < 40 < rough[5:20].std()


def test_a_start_angle_undoes_a_roll(smooth: np.ndarray) -> None:
    turned = around(cv2.getRotationMatrix2D((MIDDLE, MIDDLE), -30, 1), smooth)
    plain, righted = RETINA.view(smooth, radius=80), RETINA.view(turned, radius=80, start=np.radians(30))
    assert np.abs(plain - righted).mean() < 2


def detail(picture: np.ndarray, at: tuple[int, int]) -> float:
    fine = np.abs(cv2.Laplacian(picture.astype(float), cv2.CV_64F))
    return float(fine[at[1] - 12 : at[1] + 13, at[0] - 12 : at[0] + 13].mean())


def test_foveate_is_sharp_where_one_looks(astronaut_path: Path) -> None:
    picture = rgb(astronaut_path)
    eye, patch = (190, 108), (170, 380)  # in px, x and y
    for here, there in ((eye, patch), (patch, eye)):
        seen = foveate(picture, here).astype(float)
        assert detail(seen, here) > 0.75 * detail(picture, here)
        assert detail(seen, there) < 0.45 * detail(picture, there)
    assert seen.shape == picture.shape


def test_bad_fixations_and_radii_are_refused(astronaut: np.ndarray) -> None:
    with pytest.raises(InputError, match="outside the picture"):
        foveate(astronaut, (600, 10))
    with pytest.raises(InputError, match="positive radius"):
        RETINA.view(astronaut, radius=0)
    with pytest.raises(InputError, match="octaves"):
        Retina(10, 10, 0)


def test_the_map_peaks_on_what_the_classifier_knows() -> None:
    scene = np.full((220, 220, 3), 40, np.uint8)
    cv2.circle(scene, (150, 70), 14, (255, 255, 255), -1)
    retina = Retina(32, 32, 4.0)

    def bright_middle(views: np.ndarray) -> np.ndarray:
        return views[:, 16:].mean(axis=(1, 2, 3)) / 255

    found = localise(bright_middle, scene, retina, ratio=0.3, full=True)
    assert isinstance(found, LocalisationMap)
    assert found.scores.shape == (11, 11)
    assert np.hypot(found.peak[0] - 150, found.peak[1] - 70) < 14
    assert localise(bright_middle, scene, retina, ratio=0.3).x.max() <= 219.5 - 0.3 * 110 + 0.01
    heat = found.over(220, 220)
    assert heat.shape == (220, 220)
    assert np.hypot(*(np.array(np.unravel_index(heat.argmax(), heat.shape))[::-1] - found.peak)) < 2


def test_patches_of_parts_bear_rolls_and_sizes(astronaut: np.ndarray) -> None:
    from nasion.detect import FaceDetector
    from nasion.landmark.landmarker import Landmarker

    face = max(FaceDetector().detect(astronaut), key=lambda f: f.box.area)
    points = Landmarker().place(astronaut, [face])[0].landmarks
    matrix = cv2.getRotationMatrix2D(face.box.center, 25, 0.8)
    turned = cv2.warpAffine(astronaut, matrix, (512, 512))
    moved = points.points.copy()
    moved[:, :2] = points.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    one, two = part_patches(astronaut, points), part_patches(turned, replace(points, points=moved.astype(np.float32)))
    assert (one * two).sum(axis=1).min() > 0.95
    assert (one[0] * two[2]).sum() < 0.6
