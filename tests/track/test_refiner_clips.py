"""The embedded refiner on rendered clips of people it has not learned from: what its card promises."""

import numpy as np
import pytest

from nasion.core import scheme
from nasion.metrics import jitter, lag_frames, range_kept, spearman
from nasion.track import OneEuroFilter, Refiner
from nasion.track.refiner import AHEAD, PAST, Observed
from nasion.train.dsta_clips import FPS, make_clips
from nasion.train.dsta_goal import steady

LAYOUT = scheme("ibug68")


@pytest.fixture(scope="module")
def clips():
    return make_clips(2, 9101, frames=40, cover=False)


@pytest.fixture(scope="module")
def refined(clips):
    refiner = Refiner()
    return [refine(refiner, clip) for clip in clips]


def refine(refiner, clip):
    """Places (F, 546, 2) and sigma (F, 546) with two frames ahead in view."""
    seen = [
        Observed(np.pad(points, ((0, 0), (0, 1))), sigma, visibility)
        for points, sigma, visibility in zip(clip.raw, clip.sigma, clip.visibility, strict=True)
    ]
    offsets = np.arange(-PAST, AHEAD + 1)
    windows = [[seen[f] if 0 <= f < len(clip) else None for f in at + offsets] for at in range(len(clip))]
    found = refiner.refine(windows, np.tile(offsets / np.float32(FPS), (len(clip), 1)))
    return found.points[..., :2], found.sigma


def shake(clips, tracks):
    return np.mean([jitter(track, clip.size).mean() for clip, track in zip(clips, tracks, strict=True)])


def off(clips, tracks):
    away = [np.linalg.norm(t - c.truth, axis=2) / c.size[:, None] for c, t in zip(clips, tracks, strict=True)]
    return np.mean([a.mean() for a in away])


def late(clips, tracks):
    return np.mean([lag_frames(t[:, -68:], c.truth[:, -68:]) for c, t in zip(clips, tracks, strict=True)])


def tuned(clips, make, wanted):
    """Tracks of ``make(clip, setting)`` at the setting whose jitter is ``wanted``; more is steadier."""
    low, high = 0.05, 100.0
    for _ in range(10):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if shake(clips, [make(clip, middle) for clip in clips]) > wanted else (low, middle)
    return [make(clip, middle) for clip in clips]


def filtered(clip, gain):
    one = OneEuroFilter(min_cutoff=8 / gain, speed_gain=60 / gain)
    box = [float(np.sqrt(np.ptp(points, axis=0).prod())) for points in clip.raw]
    return np.stack([one(clip.raw[f], f / FPS, box[f]) for f in range(len(clip))])


def averaged(clip, spread):
    index = np.arange(len(clip))
    weights = np.exp(-0.5 * ((index[:, None] - index) / spread) ** 2)
    return np.einsum("fg,gnk->fnk", weights / weights.sum(1, keepdims=True), clip.raw)


def opening(points, size):
    """(F, 2): how far the eyes are open, by the 68 points."""
    eyes = []
    for side in ("left_eye", "right_eye"):
        lid = points[:, -68:][:, LAYOUT.index(side)]
        eyes.append(np.mean([np.linalg.norm(lid[:, i] - lid[:, -i], axis=1) for i in (1, 2)], axis=0) / size)
    return np.stack(eyes, 1)


def blinks_kept(clips, tracks):
    kept = []
    for clip, track in zip(clips, tracks, strict=True):
        ours, placed = opening(track, clip.size), opening(clip.raw, clip.size)
        kept += [range_kept(ours[:, k], placed[:, k]) for k in (0, 1)]
    return np.mean(kept)


def test_half_the_jitter_no_more_error_no_lag(clips, refined):
    raw, tracks = [clip.raw for clip in clips], [points for points, _ in refined]
    assert shake(clips, tracks) <= 0.5 * shake(clips, raw)
    assert off(clips, tracks) <= off(clips, raw)
    assert abs(late(clips, tracks)) <= 0.2
    as_steady = tuned(clips, filtered, shake(clips, tracks))
    assert late(clips, as_steady) > max(0.2, late(clips, tracks)) or off(clips, as_steady) > off(clips, tracks)


def test_blinks_are_kept_where_a_moving_average_as_steady_rounds_them_off(clips, refined):
    tracks = [points for points, _ in refined]
    kept = blinks_kept(clips, tracks)
    assert all(clip.blinks.any() for clip in clips)
    assert kept >= 0.95
    assert blinks_kept(clips, tuned(clips, averaged, shake(clips, tracks))) < kept


def test_sigma_ranks_the_errors(clips, refined):
    errors = [np.linalg.norm(p - steady(c), axis=2) / c.size[:, None] for c, (p, _) in zip(clips, refined, strict=True)]
    said = [sigma / clip.size[:, None] for clip, (_, sigma) in zip(clips, refined, strict=True)]
    assert spearman(*(np.concatenate([part.ravel() for part in parts]) for parts in (said, errors))) >= 0.4


def test_an_eye_behind_something_for_a_moment_stays_nearer_its_place():
    (clip,) = make_clips(1, 9216, frames=20)  # whose right eye is covered from the third frame to the seventh
    eye = len(clip.raw[0]) - 68 + LAYOUT.index("right_eye")
    behind = np.flatnonzero(clip.covered[:, eye].mean(1) > 0.5)
    goal, (better, _) = steady(clip), refine(Refiner(), clip)
    placed, refined = (
        (np.linalg.norm(track - goal, axis=2)[behind][:, eye] / clip.size[behind, None]).mean()
        for track in (clip.raw, better)
    )
    assert len(behind) >= 3
    assert refined <= 0.8 * placed
