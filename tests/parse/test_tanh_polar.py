"""The tanh-polar warp: exact there and back, a turn is a shift of rows, the face gets 76 % of the columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import Box, InputError
from nasion.metrics import spearman
from nasion.parse.tanh_polar import (
    FACE_EDGE,
    POLAR,
    VIEWS,
    Crop,
    Roi,
    TanhCartesian,
    TanhPolar,
    cartesian_to_polar,
    polar_to_cartesian,
    restore,
    restore_window,
    warp,
)

ROIS = st.builds(
    Roi,
    x=st.floats(-50, 500),
    y=st.floats(-50, 500),
    a=st.floats(5, 200),
    b=st.floats(5, 200),
    turn=st.floats(-360, 360),
)
EVERY = (*VIEWS.values(), TanhPolar(False))


def texture(points: np.ndarray) -> np.ndarray:
    """A picture that is known everywhere, without pixels."""
    x, y = points[..., 0], points[..., 1]
    return np.sin(x / 7) + np.cos(y / 11) + np.sin((x + 2 * y) / 23)


@pytest.mark.parametrize("view", EVERY, ids=str)
@given(roi=ROIS)
def test_what_a_pixel_shows_is_found_at_that_pixel(view, roi) -> None:
    at = view.place(roi, view.grid(roi, 16), 16)
    columns, rows = np.meshgrid(np.arange(16), np.arange(16))
    if view.wraps:
        columns, rows, at = columns[:, 1:], rows[:, 1:], at[:, 1:]  # the middle has no direction
        assert np.abs((at[..., 1] - rows + 8) % 16 - 8).max() < 1e-6
    else:
        assert np.abs(at[..., 1] - rows).max() < 1e-6
    assert np.abs(at[..., 0] - columns).max() < 1e-6


@given(x=st.floats(50, 200), y=st.floats(50, 200), radius=st.floats(10, 80), eighths=st.integers(0, 7))
def test_a_turn_is_a_shift_of_rows(x, y, radius, eighths) -> None:
    """Of the picture about the middle of a round region, by any multiple of a row; no interpolation, so exact."""
    size, roi = 64, Roi(x, y, radius, radius)
    turn = np.radians(45 * eighths)
    c, s = np.cos(turn), np.sin(turn)
    plain = texture(POLAR.grid(roi, size))
    # a picture turned clockwise by 45 degrees shows at p what the plain one shows at p turned back
    back = (POLAR.grid(roi, size) - (x, y)) @ np.array([[c, -s], [s, c]]) + (x, y)
    assert np.abs(texture(back) - np.roll(plain, eighths * size // 8, axis=0)).max() < 1e-11


@given(roi=ROIS, angle=st.floats(0, 360))
def test_a_turned_region_is_the_turned_view(roi, angle) -> None:
    """Whatever its proportions: region and picture turned together look the same."""
    from dataclasses import replace

    turned = replace(roi, turn=roi.turn + angle)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    moved = (POLAR.grid(roi, 12) - (roi.x, roi.y)) @ np.array([[c, s], [-s, c]]) + (roi.x, roi.y)
    assert np.abs(POLAR.grid(turned, 12) - moved).max() < 1e-6


@pytest.mark.parametrize("keep_aspect", [True, False])
@given(w=st.floats(10, 400), h=st.floats(10, 400))
def test_the_edge_of_the_ellipse_lies_at_tanh_1(keep_aspect, w, h) -> None:
    roi = Roi.of_box(Box(20, 30, 20 + w, 30 + h))
    assert np.pi * roi.a * roi.b == pytest.approx(w * h)
    angle = np.linspace(0, 2 * np.pi, 40)
    edge = roi.to_px(np.stack([np.cos(angle), np.sin(angle)], -1))
    column = TanhPolar(keep_aspect).place(roi, edge, 512)[:, 0] / 512
    assert np.abs(column - 0.7616).max() < 0.002
    assert pytest.approx(0.7616, abs=1e-4) == FACE_EDGE


def test_keeping_the_aspect_keeps_angles() -> None:
    roi = Roi(0, 0, 10, 30)
    diagonal = np.array([[5.0, 5.0]])
    assert POLAR.place(roi, diagonal, 360)[0, 1] == pytest.approx(45)
    assert TanhPolar(False).place(roi, diagonal, 360)[0, 1] == pytest.approx(np.degrees(np.arctan2(5 / 30, 5 / 10)))


def test_there_and_back_keeps_the_face(astronaut) -> None:
    """A 112 px box at T = 512: 35 dB or more inside; around it the picture is squeezed, by design."""
    box = Box(168, 60, 280, 172)
    roi = Roi.of_box(box)
    back = restore(warp(astronaut, roi, 512), roi, astronaut.shape[:2])
    inside = slice(60, 173), slice(168, 281)

    def decibels(part) -> float:
        return float(10 * np.log10(255**2 / np.mean((back[part].astype(float) - astronaut[part]) ** 2)))

    assert decibels(inside) > 35
    assert decibels(slice(None)) < decibels(inside) - 6


def test_nothing_shows_where_the_rows_meet() -> None:
    """Reading the restored picture across angle 0 needs the row after the last: the first."""
    y, x = np.mgrid[:200, :200]
    image = np.repeat((128 + 60 * np.sin((y - 100) / 12) + 0 * x)[..., None], 3, 2).astype(np.uint8)
    roi = Roi(100.0, 100.0, 40.0, 40.0)
    error = np.abs(restore(warp(image, roi, 24), roi, (200, 200)).astype(float) - image)[..., 0]
    seam, opposite = error[96:104, 110:135].mean(), error[96:104, 65:90].mean()
    assert seam < 1.3 * opposite + 0.5


def test_labels_stay_labels() -> None:
    held = np.zeros((120, 120), np.uint8)
    held[40:80, 40:60], held[40:80, 60:80] = 3, 9
    roi = Roi(60.0, 60.0, 30.0, 30.0)
    seen = warp(held, roi, 96, nearest=True)
    assert set(np.unique(seen)) == {0, 3, 9}
    assert (restore(seen, roi, held.shape, nearest=True) == held).mean() > 0.97


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_the_window_is_a_part_of_the_whole(view, astronaut) -> None:
    roi = Roi(224.0, 116.0, 30.0, 30.0, turn=20.0)
    seen = warp(astronaut, roi, 48, view=view)
    part, window = restore_window(seen, roi, astronaut.shape[:2], view=view)
    whole = restore(seen, roi, astronaut.shape[:2], view=view)
    assert (part == whole[window]).mean() > 0.999
    assert part.shape[:2] < astronaut.shape[:2]


def test_a_region_beyond_the_picture_is_black_or_empty() -> None:
    image = np.full((50, 50, 3), 200, np.uint8)
    far = Roi(500.0, 500.0, 10.0, 10.0)
    assert warp(image, far, 32, view=Crop(1.0)).max() == 0
    part, window = restore_window(np.ones((32, 32, 3), np.uint8), far, (50, 50), view=Crop(1.0))
    assert part.size == 0 and image[window].size == 0


def test_both_tanh_maps_are_twins() -> None:
    """Polar to Cartesian and back is where it began."""
    size = 32
    there, back = polar_to_cartesian(size), cartesian_to_polar(size)
    assert there.shape == back.shape == (size, size, 2)
    roi = Roi(0.0, 0.0, 1.0, 1.0)
    polar, flat = TanhPolar(False).grid(roi, size), TanhCartesian().grid(roi, size)
    c, r = np.meshgrid(np.arange(size), np.arange(size))
    again = TanhCartesian().place(roi, TanhPolar(False).grid(roi, size), size)
    assert np.abs(back - again).max() < 1e-12
    # what the Cartesian map shows at a place is what the polar one shows where `there` says
    angle, away = there[..., 1] * 2 * np.pi / size, np.arctanh(there[..., 0] / size)
    assert np.abs(np.stack([np.cos(angle), np.sin(angle)], -1) * away[..., None] - flat).max() < 1e-9
    assert spearman(np.linalg.norm(polar, axis=-1).ravel(), c.ravel().astype(float)) > 0.999
    assert r.shape == (size, size)


@pytest.mark.parametrize("bad", [{"a": 0.0}, {"b": -1.0}, {"x": float("nan")}])
def test_regions_that_are_none_are_refused(bad) -> None:
    with pytest.raises(InputError, match="radii above 0"):
        Roi(**({"x": 0.0, "y": 0.0, "a": 1.0, "b": 1.0} | bad))
