"""Canvas, suppression and heads, without weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nasion.detect.canvas import MULTIPLE, fit
from nasion.detect.heads import STRIDES, read_embedded, read_yunet
from nasion.detect.suppression import apart, suppress
from nasion.metrics.detection import iou_matrix


@given(st.integers(1, 900), st.integers(1, 900), st.integers(32, 700))
def test_canvas_and_back(height: int, width: int, longest: int) -> None:
    canvas = fit(np.full((height, width, 3), 7, np.uint8), longest, 2.0)
    h, w = canvas.pixels.shape[:2]
    assert h % MULTIPLE == 0
    assert w % MULTIPLE == 0
    assert max(h, w) < longest + MULTIPLE
    assert max(canvas.scale) <= max(2.0, *(1 / side for side in (height, width)))
    # the outer edges of the picture are half a pixel outside the centres of its first and last pixels
    inside = np.array([canvas.scale[0] * width, canvas.scale[1] * height]) - 0.5
    rows = np.concatenate([[-0.5, -0.5], inside, [0.9], np.tile(inside, 5)])[None]
    back = canvas.back(rows)
    np.testing.assert_allclose(back[0, :4], [-0.5, -0.5, width - 0.5, height - 0.5], atol=1e-2)
    np.testing.assert_allclose(back[0, 5:7], [width - 0.5, height - 0.5], atol=1e-2)
    assert back[0, 4] == np.float32(0.9)


def test_padding_is_black_and_the_picture_is_upper_left() -> None:
    canvas = fit(np.full((50, 100, 3), 200, np.uint8), 100, 1.0)
    assert canvas.pixels.shape == (64, 128, 3)
    assert (canvas.pixels[:50, :100] == 200).all()
    assert canvas.pixels[50:].max() == canvas.pixels[:, 100:].max() == 0


def test_small_pictures_are_enlarged_only_so_much() -> None:
    assert fit(np.zeros((100, 200, 3), np.uint8), 640, 1.28).pixels.shape == (128, 256, 3)
    assert fit(np.zeros((400, 600, 3), np.uint8), 640, 1.28).scale == (640 / 600, 427 / 400)


def test_what_fits_is_not_copied() -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    assert fit(image, 96, 2.0).pixels is image


def test_fixed_canvas() -> None:
    canvas = fit(np.full((900, 300, 3), 1, np.uint8), 2000, 2.0, fixed=(640, 640))
    assert canvas.pixels.shape == (640, 640, 3)
    assert canvas.scale[1] * 900 <= 640


def test_suppression_keeps_the_best() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 0, 10, 9]], np.float32)
    assert suppress(boxes, np.array([0.6, 0.9, 0.3, 0.7]), 0.5).tolist() == [1, 2]
    assert suppress(boxes[:0], np.zeros(0), 0.5).tolist() == []


@given(st.lists(st.tuples(*[st.floats(0, 50)] * 5), max_size=30))
def test_what_is_kept_does_not_overlap(values: list[tuple[float, ...]]) -> None:
    rows = np.array(values, np.float64).reshape(-1, 5)
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4] + 1], axis=1)
    scores = np.float32(1) + rows[:, 4].astype(np.float32)
    kept = suppress(boxes, scores, 0.4)
    assert (np.diff(scores[kept]) <= 0).all()
    shared = iou_matrix(boxes, boxes)
    assert (shared[np.ix_(kept, kept)][~np.eye(len(kept), dtype=bool)] <= 0.4 + 1e-6).all()
    for i in set(range(len(boxes))) - set(kept.tolist()):  # what was dropped overlaps something at least as good
        assert ((shared[i, kept] > 0.4 - 1e-6) & (scores[kept] >= scores[i])).any()


def test_a_box_inside_a_better_one_is_not_apart() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 2, 5, 5], [8, 0, 30, 10], [40, 0, 50, 10], [38, -2, 60, 20]], np.float32)
    assert apart(boxes, 0.6).tolist() == [True, False, True, True, False]
    assert apart(boxes[:0], 0.6).tolist() == []


def test_embedded_head_by_hand() -> None:
    outputs = {f"stride{s}": np.zeros((2, 15, 64 // s, 96 // s), np.float32) for s in STRIDES}
    cell = outputs["stride16"][1, :, 2, 3]  # row 2, column 3: corner (48, 32)
    cell[0] = 0.8
    cell[1:5] = (0.5, 0.25, np.log(2), np.log(3))
    cell[5:] = np.arange(10) / 10
    first, second = read_embedded(outputs, 0.5)
    assert first.shape == (0, 15)
    expected = [56 - 16, 36 - 24, 56 + 16, 36 + 24, 0.8]
    np.testing.assert_allclose(second[0, :5], expected, atol=1e-4)
    np.testing.assert_allclose(second[0, 5:].reshape(5, 2)[1], [48 + 0.2 * 16, 32 + 0.3 * 16], atol=1e-4)


def test_yunet_head_by_hand() -> None:
    width, height = 96, 64
    outputs = {}
    for s in STRIDES:
        cells = (width // s) * (height // s)
        for name, n in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{name}_{s}"] = np.zeros((1, cells, n), np.float32)
    at = 1 * (width // 32) + 2  # row 1, column 2 at stride 32: corner (64, 32)
    outputs["cls_32"][0, at], outputs["obj_32"][0, at] = 0.9, 0.4
    outputs["bbox_32"][0, at] = (0.5, 0.5, np.log(1), np.log(2))
    outputs["kps_32"][0, at] = np.repeat(np.arange(5), 2)  # YuNet's order: right eye, left eye, nose, right, left mouth
    (rows,) = read_yunet(outputs, width, 0.5)
    np.testing.assert_allclose(rows[0, :5], [80 - 16, 48 - 32, 80 + 16, 48 + 32, 0.6], atol=1e-4)
    assert rows[0, 5::2].tolist() == [64 + 32 * k for k in (1, 0, 2, 4, 3)]  # ours: left eye first
