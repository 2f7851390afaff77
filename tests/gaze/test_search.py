"""Visual search keeps its card's promises: rings, pooling, index, one look at an obvious target, more at hard ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from nasion.core import Box, Face, InputError, Landmarks, ModelError, scheme
from nasion.gaze.search import (
    TASKS,
    ConvStack,
    PersonSearch,
    VisualSearch,
    asymmetry_index,
    draw_display,
    edge_stack,
    load_vgg16,
    random_vgg,
    reaction_time,
    ring_masks,
    ring_pool,
    search_slope,
)
from nasion.gaze.search.people import HIGH, TEMPLATE, WIDE, aligned, hog_codes
from nasion.gaze.search.pooling import pool
from nasion.gaze.search.scan import combine, correlate
from nasion.gaze.search.stack import convolve
from nasion.gaze.search.stimuli import ITEM, SIDE


@pytest.fixture(scope="module")
def searcher() -> VisualSearch:
    return VisualSearch(edge_stack())


@pytest.mark.parametrize("at", [(20.0, 13.0), (-3.0, 40.5)])
def test_rings_cut_the_plane_once(at: tuple[float, float]) -> None:
    masks = ring_masks((40, 60), at, 3.75)
    np.testing.assert_array_equal(masks.sum(axis=0), 1)
    away = np.hypot(np.arange(60)[None] - at[0], np.arange(40)[:, None] - at[1]) / 3.75
    assert away[masks[0] > 0].max(initial=0) <= 2
    assert (np.diff([away[m > 0].mean() for m in masks if m.any()]) > 0).all()


def test_no_slope_is_ordinary_pooling() -> None:
    x = np.random.default_rng(0).normal(size=(5, 12, 18)).astype(np.float32)
    ordinary = x.reshape(5, 6, 2, 9, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(ring_pool(x, (4, 4), 0.0, 3.0), ordinary, atol=1e-5)
    np.testing.assert_allclose(ring_pool(x, (4, 4), 0.3, 30.0), ordinary, atol=1e-5)  # all in the fovea
    odd = pool(x[:, :11, :17], 2)
    assert odd.shape == (5, 6, 9)
    np.testing.assert_allclose(odd[:, 5, 8], x[:, 10, 16], atol=1e-5)


def test_windows_grow_away_from_the_fixation() -> None:
    noise = np.random.default_rng(1).normal(size=(1, 96, 96)).astype(np.float32)
    out = ring_pool(noise, (8.0, 48.0), 0.32, 4.0)[0]
    near, far = out[18:30, :6].std(), out[:, 40:].std()
    assert near > 3 * far
    one = np.zeros((1, 40, 40), np.float32)
    one[0, 20, 20] = 1
    assert pool(one, 6)[0].sum() * 36 == pytest.approx(9)  # in 3 x 3 windows of 36 cells
    assert pool(one, 5)[0].sum() * 25 == pytest.approx(6, abs=4)


def test_convolutions_are_correlations_with_zeros_outside() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(3, 9, 11)).astype("f4"), rng.normal(size=(4, 3, 3, 3)).astype("f4")
    theirs = sum(cv2.filter2D(x[c], -1, w[1, c], borderType=cv2.BORDER_CONSTANT) for c in range(3))
    np.testing.assert_allclose(convolve(x, w)[1], theirs, atol=1e-4)
    np.testing.assert_allclose(correlate(x, w[1]), theirs, atol=1e-4)


def test_maps_weigh_by_their_highest_response() -> None:
    strong, weak = np.zeros((8, 8), np.float32), np.zeros((4, 4), np.float32)
    strong[0:2, 0:2], weak[3, 3] = 9, 1
    both = combine([strong, weak])
    assert both.shape == (4, 4)
    assert both[0, 0] == pytest.approx(0.9)
    assert both[3, 3] == pytest.approx(0.1)


def test_human_index_and_its_sign() -> None:
    hard, easy = ([search_slope(t.sizes, getattr(t, f"{k}_ms")) for t in TASKS.values()] for k in ("hard", "easy"))
    index = asymmetry_index(hard, easy)
    assert index.mean() == pytest.approx(0.564, abs=0.001)
    np.testing.assert_allclose(np.round(index, 2), [0.81, 0.70, 0.36, 0.40, 0.61, 0.50], atol=0.011)
    np.testing.assert_allclose(asymmetry_index(easy, hard), -index)
    np.testing.assert_array_equal(asymmetry_index([-3, 5, 0], [0, -2, 4]), [0, 1, -1])


def test_reaction_times_and_slopes() -> None:
    assert reaction_time(2) == pytest.approx(880.99)
    assert search_slope([3, 6, 9], [829, 1117, 1405]) == pytest.approx(96)
    with pytest.raises(InputError, match="two numbers"):
        search_slope([4, 4], [1, 2])


def test_an_obvious_target_takes_one_look(searcher: VisualSearch) -> None:
    rng, first = np.random.default_rng(3), []
    for _ in range(12):
        display = draw_display("bars", "upright", 8, rng)
        image = display.image.copy()
        for i, box in enumerate(display.items):  # the others become faint discs
            y, x = int(box.y0), int(box.x0)
            if i != display.wanted:
                image[y : y + ITEM, x : x + ITEM] = 255
                cv2.circle(image, (x + 14, y + 14), 6, (215, 215, 215), -1)
        first.append(searcher.search(display.target, image, display.items, display.wanted).fixations)
    assert np.mean(np.array(first) == 1) >= 0.95


def test_a_colour_singleton_pops_out_and_a_letter_does_not(searcher: VisualSearch) -> None:
    rng = np.random.default_rng(4)
    colour, letter = {}, {}
    for size in (3, 18):
        counts = []
        for _ in range(4):
            display = draw_display("bars", "upright", size, rng)
            image, target = display.image.copy(), display.target.copy()
            box = display.items[display.wanted]
            patch = image[int(box.y0) : int(box.y0) + ITEM, int(box.x0) : int(box.x0) + ITEM]
            patch[patch[..., 1] < 200] = (230, 20, 20)
            target[target[..., 1] < 200] = (230, 20, 20)
            counts.append(searcher.search(target, image, display.items, display.wanted).fixations)
        colour[size] = np.mean(counts)
        displays = [draw_display("letters", "L", size, rng) for _ in range(4)]
        letter[size] = np.mean([searcher.search(d.target, d.image, d.items, d.wanted).fixations for d in displays])
    assert max(colour.values()) < 2
    assert letter[18] > letter[3] + 1


def test_a_random_searcher_needs_half_of_the_items() -> None:
    display = draw_display("letters", "L", 9, np.random.default_rng(0))

    class Blind(VisualSearch):
        __slots__ = ()

        def attention(self, *_: object, **__: object) -> np.ndarray:
            return np.random.default_rng(next(numbers)).random((SIDE, SIDE))

    numbers, blind = iter(range(10_000)), Blind(edge_stack())
    object.__setattr__(blind, "stack", ConvStack(((), (), (), (), ())))
    rng = np.random.default_rng(5)
    looks = []
    for _ in range(100):
        order = rng.permutation(9)
        wanted = int(np.flatnonzero(order == display.wanted)[0])
        looks.append(blind.search(display.target, display.image, [display.items[i] for i in order], wanted).fixations)
    assert np.mean(looks) == pytest.approx(5, rel=0.1)


def test_no_item_is_visited_twice_and_visited_ones_are_blanked(searcher: VisualSearch) -> None:
    display = draw_display("letters", "L", 9, np.random.default_rng(8))
    path = searcher.search(display.target, display.image, display.items, display.wanted)
    assert len(set(path.visited)) == path.fixations
    assert path.found
    assert len(path.points) == path.fixations + 1
    early, kernels = searcher._early(display.image), searcher.target_features(display.target)
    size, box = (SIDE, SIDE), display.items[display.wanted]
    open_, blanked = (searcher.attention(early, kernels, (240, 240), size, v) for v in ((), (box,)))
    y, x = int(box.center[1]), int(box.center[0])
    assert open_[y, x] > blanked[y, x]


def test_vgg_weights_by_name(tmp_path: Path) -> None:
    arrays = random_vgg()
    np.savez(tmp_path / "vgg.npz", **arrays)
    stack = load_vgg16(tmp_path / "vgg.npz")
    assert [len(block) for block in stack.blocks] == [2, 2, 3, 3, 3]
    assert [len(block[-1][0]) for block in stack.blocks] == [4, 8, 16, 32, 32]
    display = draw_display("letters", "L", 3, np.random.default_rng(0))
    path = VisualSearch(stack).search(display.target, display.image[:256, :256], display.items, display.wanted)
    assert 1 <= path.fixations <= 3
    import hashlib

    digest = hashlib.sha256((tmp_path / "vgg.npz").read_bytes()).hexdigest()
    load_vgg16(tmp_path / "vgg.npz", sha256=digest)
    with pytest.raises(ModelError, match="another file"):
        load_vgg16(tmp_path / "vgg.npz", sha256="0" * 64)
    arrays["features.5.weight"] = arrays["features.5.weight"][:, :2]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ModelError, match=r"features\.5 should have"):
        load_vgg16(tmp_path / "bad.npz")


def test_what_is_refused(searcher: VisualSearch) -> None:
    with pytest.raises(InputError, match="no search"):
        draw_display("letters", "X", 3, np.random.default_rng(0))
    with pytest.raises(InputError, match="1 to 36"):
        draw_display("letters", "L", 37, np.random.default_rng(0))
    with pytest.raises(InputError, match="do not take"):
        ConvStack((((np.zeros((4, 2, 3, 3), "f4"), np.zeros(4, "f4")),),))
    with pytest.raises(InputError, match="which of 0"):
        searcher.search(np.zeros((28, 28, 3), "u1"), np.zeros((99, 99, 3), "u1"), [], 0)


def crowd(count: int = 9) -> tuple[np.ndarray, list[Face]]:
    """Painted stand-ins for faces, each with a pattern of its own, on one sheet."""
    rng, sheet, faces = np.random.default_rng(6), np.full((600, 600, 3), 90, np.uint8), []
    for k in range(count):
        face = cv2.resize(rng.integers(0, 256, (7, 6), dtype=np.uint8), (WIDE, HIGH), interpolation=cv2.INTER_CUBIC)
        x, y = 40 + 190 * (k % 3), 30 + 190 * (k // 3)
        sheet[y : y + HIGH, x : x + WIDE] = face[..., None]
        points = np.concatenate([TEMPLATE + np.array([x, y]), np.zeros((5, 1))], axis=1).astype(np.float32)
        marks = Landmarks(points, np.ones(5, "f4"), np.ones(5, "f4"), scheme("coarse5"))
        faces.append(Face(Box(x, y, x + WIDE, y + HIGH), 0.9, marks))
    return sheet, faces


def test_aligned_faces_are_cut_where_they_are() -> None:
    sheet, faces = crowd()
    crop, scale = aligned(sheet, faces[4])
    assert scale == pytest.approx(1, abs=1e-3)
    assert np.abs(crop.astype(int) - sheet[220:332, 230:326]).mean() < 1


def test_a_person_is_found_and_a_stranger_is_not() -> None:
    sheet, faces = crowd()
    search = PersonSearch(sheet, faces, hog_codes, same=0.9)
    for wanted in range(9):
        path = search.search(hog_codes(aligned(sheet, faces[wanted])[0][None])[0])
        assert path.answer == wanted
        assert path.likeness[-1] > 0.99
        assert len(path.points) == len(path.visited) + 1
    stranger = hog_codes(np.random.default_rng(9).integers(0, 256, (1, HIGH, WIDE, 3), dtype=np.uint8))[0]
    path = search.search(stranger)
    assert path.answer is None
    assert sorted(path.visited) == list(range(9))


def test_far_faces_are_blurred() -> None:
    sheet, faces = crowd()
    code = hog_codes(aligned(sheet, faces[8])[0][None])[0]
    search = PersonSearch(sheet, faces, hog_codes)
    here, far = (search.glance(code, np.array(at, float))[8] for at in (faces[8].box.center, (0, 0)))
    assert here > 0.99 > far + 0.02
    assert PersonSearch(sheet, faces, hog_codes, blur=0).glance(code, np.zeros(2))[8] > 0.99
    with pytest.raises(InputError, match="no faces"):
        PersonSearch(sheet, [], hog_codes)
