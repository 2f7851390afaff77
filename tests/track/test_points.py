"""Points followed over a warped texture whose every motion is known."""

import cv2
import numpy as np
import pytest

from nasion.core import InputError
from nasion.metrics import score_trajectories
from nasion.track import MeshBinding, PointTracker, find_pores, pair_pores

SIDE = 240
FRAMES = 30


def texture(seed=0):
    rng = np.random.default_rng(seed)
    rough = sum(cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), s) * s for s in (1.0, 2.0, 5.0))
    return np.clip(128 + 28 * rough / rough.std(), 0, 255).astype(np.uint8)


def motion(t):
    """A (2, 3) map from the first frame: turns, swells and wanders."""
    angle, scale = 0.12 * np.sin(t / 9), 1 + 0.05 * np.sin(t / 6)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), np.degrees(angle), scale)
    return turn + np.array([[0, 0, 9 * np.sin(t / 5)], [0, 0, 6 * np.sin(t / 8)]])


def clip(occluded=range(0), noise=2.0):
    rng, first = np.random.default_rng(5), texture()
    frames = []
    for t in range(FRAMES):
        frame = cv2.warpAffine(first, motion(t), (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        frame = np.clip(frame + rng.normal(0, noise, frame.shape), 0, 255).astype(np.uint8)
        if t in occluded:
            frame[90:150, 90:150] = texture(t + 50)[90:150, 90:150]
        frames.append(frame)
    return frames


def grid(low=50, high=191, step=20):
    at = np.arange(low, high, step, dtype=float)
    return np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)


def truth(points):
    return np.stack([points @ motion(t)[:, :2].T + motion(t)[:, 2] for t in range(FRAMES)], axis=1)


def follow(frames, points, **options):
    tracker = PointTracker(frames[0], points, **options)
    found = [tracker.step(frame) for frame in frames[1:]]
    first = np.ones(len(points), bool)
    at = np.stack([points, *(f.points for f in found)], axis=1)
    return at, np.stack([first, *(f.valid for f in found)], axis=1)


def test_points_are_followed_to_a_tenth_of_a_px():
    points = grid()
    found, valid = follow(clip(), points)
    score = score_trajectories(found, truth(points), valid, limits=(0.5, 1, 2))
    assert score.median < 0.1
    assert score.reported > 0.95
    assert score.gross == 0


def test_patches_keep_flow_from_drifting():
    points = grid()
    errors = {}
    for by in ("both", "flow"):
        found, valid = follow(clip(noise=6.0), points, by=by)
        errors[by] = score_trajectories(found, truth(points), valid, limits=(1, 2)).end
    assert errors["both"] < 0.6 * errors["flow"]


def test_the_gate_keeps_gross_errors_out():
    points, frames = grid(), clip(occluded=range(12, 18))
    gross = {}
    for gate in (True, False):
        found, valid = follow(frames, points, gate=gate)
        gross[gate] = score_trajectories(found, truth(points), valid, limits=(2.0,)).gross
    assert gross[True] <= 0.02
    assert gross[False] > 0.05


def test_what_was_hidden_is_found_again_by_texture_alone():
    points, frames = grid(), clip(occluded=range(12, 18))
    behind = ((truth(points)[:, 15] > 98) & (truth(points)[:, 15] < 142)).all(1)
    assert behind.sum() >= 2
    found, valid = follow(frames, points)
    assert not valid[behind, 15].any()
    assert valid[behind, -1].all()
    assert np.linalg.norm(found[behind, -1] - truth(points)[behind, -1], axis=1).max() < 0.5
    _, once = follow(frames, points, by="flow")
    assert not once[behind, -1].any()


def test_plain_skin_is_not_claimed():
    frames = [np.full((SIDE, SIDE), 120, np.uint8) for _ in range(3)]
    points = grid()
    mesh = grid(20, 221, 40)
    tracker = PointTracker(frames[0], points, mesh=mesh)
    assert (tracker.contrast < 1).all()
    now = tracker.step(frames[1], mesh + np.array([4, -2]))
    assert not now.valid.any()
    assert now.points == pytest.approx(points + np.array([4, -2]))


def test_a_mesh_carries_points_inside_and_outside_of_it():
    mesh = grid(60, 181, 30)
    points = np.vstack([np.random.default_rng(1).uniform(62, 178, (40, 2)), [[30, 40], [220, 120]]])
    matrix = motion(10)
    moved = mesh @ matrix[:, :2].T + matrix[:, 2]
    assert MeshBinding(points, mesh).carry(moved) == pytest.approx(points @ matrix[:, :2].T + matrix[:, 2])


def test_by_mesh_needs_no_texture_and_says_when_there_is_no_face():
    flat = np.zeros((SIDE, SIDE, 3), np.uint8)
    mesh = grid(20, 221, 40)
    tracker = PointTracker(flat, grid(), by="mesh", mesh=mesh)
    assert tracker.step(flat, mesh + 3).valid.all()
    gone = tracker.step(flat)
    assert not gone.valid.any()
    assert np.isnan(gone.points).all()


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (np.zeros((0, 2)), {}, "at least one"),
        ([[5.0, np.nan]], {}, "at least one"),
        ([[5.0, 400.0]], {}, "outside the picture"),
        ([[5.0, 5.0]], {"by": "mesh"}, "landmarks"),
        ([[5.0, 5.0]], {"by": "wish"}, "not 'wish'"),
    ],
)
def test_points_that_cannot_be_followed_are_refused(points, options, message):
    with pytest.raises(InputError, match=message):
        PointTracker(texture(), np.array(points), **options)


def test_frames_keep_their_size():
    tracker = PointTracker(texture(), grid())
    with pytest.raises(InputError, match="size"):
        tracker.step(texture()[:100])


def dots(shift=0.0):
    """Skin with dark dots at known places."""
    rng = np.random.default_rng(3)
    places = rng.uniform(20, SIDE - 20, (60, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    light = 150 + 25 * np.sin(columns / 60)
    for (x, y), depth in zip(places, rng.uniform(20, 60, 60), strict=True):
        light = light - depth * np.exp(-((columns - x - shift) ** 2 + (rows - y) ** 2) / 4.5)
    noise = np.random.default_rng(int(10 * shift)).normal(0, 1, light.shape)
    return np.clip(light + noise, 0, 255).astype(np.uint8), places + np.array([shift, 0])


def test_pores_are_found_where_they_are_and_only_on_skin():
    image, places = dots()
    skin = np.ones(image.shape, bool)
    skin[:, :100] = False
    pores = find_pores(image, skin, 200)
    apart = np.linalg.norm(pores.points[:, None] - places[None], axis=2)
    assert np.median(apart.min(1)) < 0.15
    assert (apart.min(0)[places[:, 0] > 105] < 1).mean() > 0.7
    assert pores.points[:, 0].min() > 97
    assert len(find_pores(np.full((80, 80), 120, np.uint8)).points) == 0


def test_pores_are_paired_only_with_what_looks_alike():
    (a, _), (b, _) = dots(), dots(3.0)
    pa, pb = find_pores(a), find_pores(b)
    near = np.linalg.norm(pa.points[:, None] - pb.points[None], axis=2) < 30
    pairs = pair_pores(pa, pb, near)
    assert len(pairs) > 0.6 * len(pa.points)
    off = np.linalg.norm(pb.points[pairs[:, 1]] - pa.points[pairs[:, 0]] - [3, 0], axis=1)
    assert np.median(off) < 0.2
    assert (off < 1.5).mean() > 0.95
    assert len(pair_pores(pa, pb, np.zeros_like(near))) == 0
