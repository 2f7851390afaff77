"""The embedded refiner on motion whose truth is known: steadier, no later, no point's past in another point."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Box, Face, InputError, Landmarks, ModelError, scheme
from nasion.metrics import jitter, lag_frames
from nasion.track import OneEuroFilter, Refiner
from nasion.track.refiner import AHEAD, PAST, Observed, together

FRAMES = 45
DENSE, SPARSE = scheme("dense478"), scheme("ibug68")
COUNT = len(DENSE) + len(SPARSE)


@pytest.fixture(scope="module")
def refiner():
    return Refiner()


def truth():
    """(F, 546, 2) px: a mean face that sways."""
    face = np.concatenate([DENSE.template[:, :2], SPARSE.template[:, :2]]) + 90.0
    t = np.arange(FRAMES)[:, None, None]
    return face + np.concatenate([6 * np.sin(t / 7), 3 * np.sin(t / 5)], 2)


def placed(noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    common = rng.normal(0, noise / 5, (FRAMES, 1, 2))
    return truth() + common + rng.normal(0, noise, (FRAMES, COUNT, 2))


def face(points, number=0, views=True):
    def marks(part, layout):
        solid = np.pad(part, ((0, 0), (0, 1))).astype(np.float32)
        return Landmarks(solid, np.ones(len(part), np.float32), np.ones(len(part), np.float32), layout)

    dense, sparse = marks(points[: len(DENSE)], DENSE), marks(points[len(DENSE) :], SPARSE)
    whole = replace(dense, views={"ibug68": sparse} if views else {})
    return Face(Box.around(points), 1.0, whole, number)


def run(refiner, points, ahead, times=None):
    """Through `feed` and `flush`, as the video runner does."""
    fresh, out = refiner.fresh(ahead), []
    for f in range(len(points)):
        done = fresh.feed([face(points[f])], f / 30 if times is None else times[f])
        out += [] if done is None else [done]
    out += list(fresh.flush())
    assert len(out) == len(points)
    return np.stack([together(faces[0].landmarks).points[:, :2] for faces in out])


def off(found):
    return np.linalg.norm(found - truth(), axis=2).mean()


def test_jitter_falls_by_half_without_lag_or_error(refiner):
    raw = placed()
    found = run(refiner, raw, AHEAD)
    assert jitter(found, 60.0).mean() <= 0.5 * jitter(raw, 60.0).mean()
    assert off(found) < off(raw)
    assert abs(lag_frames(found, truth())) <= 0.2


def test_a_filter_as_steady_comes_later(refiner):
    raw = placed()
    found = run(refiner, raw, AHEAD)
    filters = OneEuroFilter(min_cutoff=0.5, speed_gain=4.0)
    steady = np.stack([filters(raw[f].astype(np.float32), f / 30, 120.0) for f in range(FRAMES)])
    assert jitter(steady, 60.0).mean() > 0.5 * jitter(found, 60.0).mean()
    assert lag_frames(steady, truth()) > 0.5
    assert off(steady) > off(found)


def test_live_it_uses_the_past_alone(refiner):
    raw = placed()
    whole = run(refiner, raw, 0)
    assert run(refiner, raw[:20], 0) == pytest.approx(whole[:20], abs=1e-4)
    assert off(whole) < off(raw)


def test_what_is_steady_stays_where_it_is(refiner):
    still = np.repeat(truth()[:1], 12, axis=0)
    found = run(refiner, still, AHEAD)
    assert np.linalg.norm(found - still, axis=2).mean() < 0.6  # px of a face of 120


def test_an_eye_that_jumps_in_one_frame_is_brought_back(refiner):
    raw = placed(noise=0.3)
    eye = len(DENSE) + SPARSE.index("left_eye")
    rng = np.random.default_rng(3)
    moved = raw.copy()
    moved[20, eye] += rng.normal(0, 4, (len(eye), 2))
    found = run(refiner, moved, AHEAD)
    before, after = (np.linalg.norm(p[20, eye] - truth()[20, eye], axis=1).mean() for p in (moved, found))
    assert after < 0.8 * before


def test_depth_goes_with_its_point_and_trust_stays_the_landmarkers(refiner):
    raw = placed()
    window = [Observed(np.c_[raw[f], np.full(COUNT, 5.0)].astype(np.float32), *np.ones((2, COUNT), np.float32))
              for f in range(PAST + 1 + AHEAD)]  # fmt: skip
    out = refiner.refine([window], np.arange(-PAST, AHEAD + 1)[None] / 30)
    assert out.points[0, :, 2] == pytest.approx(np.full(COUNT, 5.0), abs=1e-3)
    assert (out.sigma > 0).all()
    fed = refiner.fresh(0).feed([face(raw[0])], 0.0)
    assert fed is not None
    assert (fed[0].landmarks.sigma == 1).all()


def test_faces_do_not_mix_and_gaps_are_no_motion(refiner):
    a, b = placed(seed=1), placed(seed=2) + 200
    fresh = refiner.fresh(0)
    for f in range(12):
        faces = [face(a[f], 0), face(b[f], 1)] if f not in (5, 6) else [face(a[f], 0)]
        done = fresh.feed(faces, f / 30)
    assert done is not None
    assert together(done[0].landmarks).points[:, :2] == pytest.approx(run(refiner, a[:12], 0)[-1], abs=1e-3)
    late = refiner.fresh(0)
    late.feed([face(a[0])], 0.0)
    again = late.feed([face(a[30])], 5.0)
    alone = refiner.fresh(0).feed([face(a[30])], 0.0)
    assert again is not None
    assert alone is not None
    assert together(again[0].landmarks).points == pytest.approx(together(alone[0].landmarks).points, abs=1e-3)


def test_what_it_cannot_refine_is_refused(refiner):
    with pytest.raises(InputError, match="temporal refinement"):
        refiner.fresh(0).feed([face(placed()[0], views=False)], 0.0)
    with pytest.raises(InputError, match="0 to 2"):
        Refiner(ahead=3)
    with pytest.raises(ModelError, match="no refiner"):
        Refiner("landmarker")
    nobody = replace(face(placed()[0]), track_id=None)
    assert refiner.fresh(0).feed([nobody], 0.0) == [nobody]
