"""Pores on the paint: on bare skin alone, theirs for ever, and nothing else changed."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.synth import HeadParameters, Region
from nasion.synth.pores import SurfacePoints, with_pores
from nasion.synth.visibility import hidden


@pytest.fixture(scope="module")
def paint(model):
    return model.paint(HeadParameters(), 1024)


def test_pores_darken_bare_skin_and_nothing_else(paint):
    fine = with_pores(paint, 3)
    change = np.abs(fine.albedo - paint.albedo).max(2)
    assert (change[paint.regions == Region.SKIN] > 1e-4).mean() > 0.9
    for region in (Region.IRIS, Region.EYE_WHITE, Region.TEETH):
        assert change[paint.regions == region].max() < 1e-6
    assert fine.albedo[paint.regions == Region.SKIN].mean() < paint.albedo[paint.regions == Region.SKIN].mean()


def test_a_seed_has_its_own_pores_and_keeps_them(paint):
    a, b, c = with_pores(paint, 3), with_pores(paint, 3), with_pores(paint, 4)
    np.testing.assert_array_equal(a.albedo, b.albedo)
    assert np.abs(a.albedo - c.albedo).max() > 0.01
    np.testing.assert_array_equal(with_pores(paint, 3, 0.0).albedo, np.clip(paint.albedo, 0.002, 0.95))


def test_a_coarse_atlas_is_refused(model):
    with pytest.raises(InputError, match="1024"):
        with_pores(model.paint(HeadParameters(), 256), 0)


def test_surface_points_see_what_hides_them():
    """Two squares, one behind the other, seen along z."""
    from nasion.core import Camera

    square = np.array([[-10, -10, 0], [10, -10, 0], [10, 10, 0], [-10, 10, 0]], float)
    vertices = np.concatenate([square + np.array([0, 0, 100]), square / 4 + np.array([0, 0, 50])])
    triangles = np.array([[0, 2, 1], [0, 3, 2], [4, 6, 5], [4, 7, 6]])
    camera = Camera(100, 100, 49.5, 49.5)
    points = SurfacePoints(np.array([0, 0, 2]), np.array([[0.8, 0.1, 0.1], [0.5, 0.5, 0], [1 / 3] * 3]))
    at = points.on(vertices, triangles)
    assert at == pytest.approx(np.array([[-6, -8, 100], [0, 0, 100], [2.5 / 3, -2.5 / 3, 50]]))
    seen = points.visible(vertices, triangles, camera, (100, 100))
    assert seen.tolist() == [True, False, True]
    assert hidden(at, vertices, triangles, camera).tolist() == [False, True, False]
    flipped = triangles[:, ::-1]
    assert not SurfacePoints(points.triangle, points.weights[:, ::-1]).visible(
        vertices, flipped, camera, (100, 100)
    ).any()  # fmt: skip
