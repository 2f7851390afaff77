"""Pores followed in space on rendered close-ups: a small form of the benchmark, with every bullet of the card."""

from typing import NamedTuple

import numpy as np
import pytest

from nasion.core import BoolArray, FloatArray, InputError
from nasion.landmark.matching import View
from nasion.metrics import score_trajectories, without_rigid
from nasion.pipeline.rig import meet, pair_views, projections, track_rig
from nasion.report.bench.pore_clips import MAIN, PoreClip, load_clip, make_clip, save_clip
from nasion.track.pores import find_pores

ANGLES = ((-18.0, -5.0), (0.0, 5.0), (18.0, -5.0))
FRAMES, FPS = 10, 10.0


class Tracked(NamedTuple):
    clip: PoreClip
    views: list[View]
    found: FloatArray
    valid: BoolArray
    truth: FloatArray
    visible: BoolArray


def small(seed, rigid):
    return make_clip(
        seed, FRAMES, rigid=rigid, wide=False, angles=ANGLES, size=(200, 160), atlas=1024, fps=FPS
    )  # fmt: skip


def tracked(clip):
    views = [View(rig.camera, rig.rotation, rig.translation) for rig in clip.views]
    tracks = track_rig(clip.grey, views, np.arange(FRAMES) / FPS, main=MAIN)
    points, on = clip.under(MAIN, tracks.start[MAIN])
    assert on.all()
    visible = sum(clip.tracks(points, view)[1].astype(int) for view in range(len(views))) >= 2
    t = tracks.trajectories
    return Tracked(clip, views, t.points, t.valid, clip.paths(points), visible)


@pytest.fixture(scope="module")
def talking():
    return tracked(small(21, rigid=False))


@pytest.fixture(scope="module")
def turning():
    return tracked(small(22, rigid=True))


def test_pores_are_followed_to_a_tenth_of_a_millimetre(talking):
    score = score_trajectories(talking.found, talking.truth, talking.valid, talking.visible, aligned=True)
    assert len(talking.found) > 30
    assert score.median <= 0.1  # the card: 0.3 at 0.15 mm a px
    assert score.survival[-1] >= 0.6
    assert score.gross <= 0.02


def test_a_turning_head_moves_no_skin(turning):
    free = without_rigid(np.where(turning.valid[..., None], turning.found, np.nan))
    moved = np.linalg.norm(free - turning.found[:, :1], axis=2)
    assert np.nanmedian(moved) <= 0.1
    assert np.linalg.norm(turning.truth - turning.truth[:, :1], axis=2).max() > 1


def test_points_that_stay_put_in_the_head_score_worse_where_skin_moves(talking):
    """Otherwise the benchmark would be trivial."""
    stays = np.repeat(talking.truth[:, :1], FRAMES, axis=1)
    moving = np.linalg.norm(talking.truth - stays, axis=2).max(1)
    lively = moving > np.median(moving)
    ours, fixed = (
        score_trajectories(found[lively], talking.truth[lively], aligned=True, limits=(0.1, 0.25, 0.5))
        for found in (talking.found, stays)
    )
    assert ours.median < fixed.median / 3
    assert ours.delta_avg > fixed.delta_avg


def test_a_view_that_is_wrong_is_outvoted_or_the_place_not_believed(talking):
    rng, points = np.random.default_rng(0), talking.truth[:20, :1]
    matrices = projections(talking.views)
    homogeneous = np.einsum("vij,ntj->vnti", matrices[..., :3], points) + matrices[:, None, None, :, 3]
    places = homogeneous[..., :2] / homogeneous[..., 2:]
    places[0, :10] += rng.normal(0, 15, (10, 1, 2)) + 20
    valid = np.ones(places.shape[:3], bool)
    found, believed = meet(places, valid, talking.views)
    assert np.linalg.norm(found[believed] - points[believed], axis=1).max() < 0.1
    assert believed[10:].all()
    wrong, _ = meet(places, valid, talking.views, gate=False)
    assert np.linalg.norm(wrong[:10] - points[:10], axis=2).mean() > 1


def test_pairs_are_the_same_skin_in_every_view(talking):
    clip = talking.clip
    found = [find_pores(clip.grey[v, 0]) for v in range(3)]
    table = pair_views(found, talking.views, MAIN)
    points, _ = clip.under(MAIN, found[MAIN].points[table[:, MAIN]])
    for view in (0, 2):
        expected, _ = clip.tracks(points, view)
        off = np.linalg.norm(found[view].points[table[:, view]] - expected[:, 0], axis=1)
        assert (off < 2).mean() > 0.95


def test_two_views_cannot_check_each_other(talking):
    with pytest.raises(InputError, match="three views"):
        track_rig(talking.clip.grey[:2], talking.views[:2], np.arange(FRAMES) / FPS)
    with pytest.raises(InputError, match="as many"):
        track_rig(talking.clip.grey, talking.views, np.arange(3) / FPS)


def test_surface_points_are_where_the_render_shows_them(talking):
    """The path of a point, projected, lands on the same texture: patches around it stay alike."""
    clip = talking.clip
    pixels = find_pores(clip.grey[MAIN, 0], most=40).points
    pixels = pixels[((pixels > 15) & (pixels < (184, 144))).all(1)]
    points, _ = clip.under(MAIN, pixels)
    paths, visible = clip.tracks(points, MAIN)
    assert paths[:, 0] == pytest.approx(pixels, abs=1e-3)
    alike = [
        np.corrcoef(cut(clip.grey[MAIN, 0], a), cut(clip.grey[MAIN, -1], b))[0, 1]
        for a, b, seen in zip(paths[:, 0], paths[:, -1], visible[:, -1], strict=True)
        if seen
    ]
    assert np.median(alike) > 0.8


def cut(image, at):
    import cv2

    return cv2.getRectSubPix(image.astype(np.float32), (11, 11), tuple(map(float, at))).ravel()


def test_clips_are_kept(tmp_path, talking):
    save_clip(talking.clip, tmp_path)
    again = load_clip(tmp_path, ANGLES)
    np.testing.assert_array_equal(again.grey, talking.clip.grey)
    np.testing.assert_array_equal(again.vertices, talking.clip.vertices)
