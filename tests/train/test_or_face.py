"""Self-taught labels, what keeps them honest, and a detector that learns from them."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import ImageArray, InputError
from nasion.metrics.detection import detection_score, iou_matrix
from nasion.models import Session
from nasion.train.clips import read_clips
from nasion.train.damage import damage
from nasion.train.detector_views import SIDE, view_of_face
from nasion.train.or_face import AROUND, COARSE, mask_lower_half
from nasion.train.or_scenes import FAR, SIZE, farther, operating_room
from nasion.train.pseudo_labels import View, change, decide, fill_gaps, fuse, label, look


def row(x0: float, y0: float, x1: float, y1: float, score: float = 0.9) -> np.ndarray:
    points = np.linspace((x0, y0), (x1, y1), 5).reshape(-1)
    return np.array([x0, y0, x1, y1, score, *points, score], np.float32)


# ----------------------------------------------------------------------------------------- the AP evaluator


def slow_average_precision(found: list[np.ndarray], scores: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """From the definition, one box at a time: greedy matching within each picture, area under the envelope."""
    marked = []
    for boxes, sure, wanted in zip(found, scores, truth, strict=True):
        taken: set[int] = set()
        for i in sorted(range(len(boxes)), key=lambda i: -sure[i]):
            best, at = 0.0, -1
            for j in range(len(wanted)):
                a, b = boxes[i], wanted[j]
                wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                shared = max(wide, 0) * max(high, 0)
                iou = shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
                if j not in taken and iou > best:
                    best, at = iou, j
            hit = best >= 0.5
            if hit:
                taken.add(at)
            marked.append((sure[i], hit, len(marked)))
    total = sum(map(len, truth))
    if not total:
        return float("nan")
    order, right, curve = sorted(marked, key=lambda m: -m[0]), 0, []
    for n, (_, hit, _) in enumerate(order, 1):
        right += hit
        curve.append((right / total, right / n))
    area, last = 0.0, 0.0
    for n, (recall, _) in enumerate(curve):
        area += (recall - last) * max(precision for _, precision in curve[n:])
        last = recall
    return area


@pytest.mark.parametrize("case", range(50))
def test_average_precision_is_its_definition(case: int) -> None:
    rng = np.random.default_rng(case)
    found, scores, truth = [], [], []
    for _ in range(int(rng.integers(1, 6))):
        wanted = rng.uniform(0, 60, (int(rng.integers(0, 5)), 2))
        wanted = np.concatenate([wanted, wanted + rng.uniform(10, 30, wanted.shape)], 1)
        copies = wanted[rng.integers(0, len(wanted), 6)] if len(wanted) else np.zeros((0, 4))
        near = copies + rng.normal(0, 2.5, copies.shape)  # several for one face: duplicates
        free = rng.uniform(0, 50, (int(rng.integers(0, 4)), 2))
        boxes = np.concatenate([near, np.concatenate([free, free + 12], 1)])
        found.append(boxes)
        scores.append(rng.permutation(len(boxes)) / 20 + 0.01)
        truth.append(wanted)
    everywhere = np.concatenate(scores)
    for k, s in enumerate(scores):  # ties between pictures are settled by their order in both
        scores[k] = s + 1e-7 * k if case % 2 else s
    ours = detection_score(found, scores, truth).average_precision
    assert len(everywhere) == sum(map(len, found))
    assert ours == pytest.approx(slow_average_precision(found, scores, truth), abs=1e-6, nan_ok=True)


# -------------------------------------------------------------------------------------------- pseudo-labels


def test_views_agree_on_where_a_face_is(astronaut: ImageArray) -> None:
    """Every view's answer comes back to one place, eyes on their own side."""
    session = Session("detector", threads=1)
    straight, _ = look(session, astronaut, View())
    side = np.sqrt(np.prod(straight[0, 2:4] - straight[0, :2]))
    for view in (View(0.5), View(1.5), View(mirrored=True), View(degrees=12.0), View(1.5, True, -8.0)):
        rows, _ = look(session, astronaut, view)
        assert iou_matrix(rows[:1, :4], straight[:1, :4])[0, 0] > 0.75
        assert np.abs(rows[0, 5:15] - straight[0, 5:15]).max() < 0.12 * side


def test_fusion_weighs_by_score_and_counts_who_could_have_seen_it() -> None:
    views = [np.stack([row(10, 10, 50, 50, 0.9)]), np.stack([row(14, 10, 54, 50, 0.3)]), np.zeros((0, 16), np.float32)]
    fused, agreed = fuse(views, [1.0, 1.0, 1.0])
    assert len(fused) == 1
    np.testing.assert_allclose(fused[0, :5], [11, 10, 51, 50, 0.6], atol=1e-5)
    assert agreed[0] == pytest.approx(2 / 3)
    _, excused = fuse(views, [1.0, 1.0, 0.1])  # 4 px there: that view could not have seen it
    assert excused[0] == pytest.approx(1.0)


def walk(frames: int, missing: set[int] = frozenset()) -> list[np.ndarray]:
    return [np.zeros((0, 16), np.float32) if t in missing else np.stack([row(10 + 2 * t, 10, 40 + 2 * t, 40)])
            for t in range(frames)]  # fmt: skip


def test_gaps_of_a_track_are_filled_where_it_must_have_been() -> None:
    filled = fill_gaps(walk(9, {3, 4, 5}))
    assert [int(rows[0, 16]) for rows in filled] == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    for t in (3, 4, 5):
        np.testing.assert_allclose(filled[t][0, :4], [10 + 2 * t, 10, 40 + 2 * t, 40], atol=1e-4)
        assert np.isnan(filled[t][0, 5:15]).all()


@pytest.mark.parametrize(("frames", "missing"), [(12, {3, 4, 5, 6}), (5, {2})])
def test_long_gaps_and_short_tracks_are_not_believed(frames: int, missing: set[int]) -> None:
    filled = fill_gaps(walk(frames, missing))
    assert all(not (rows[:, 16] == 1).any() for rows in filled)
    if frames == 5:
        assert not any(map(len, filled))


def test_unsure_faces_are_ignored_unless_other_frames_confirm_them() -> None:
    rows = np.stack([row(0, 0, 20, 20, 0.9), row(100, 0, 120, 20, 0.85), row(200, 0, 220, 20, 0.6),
                     row(300, 0, 320, 20, 0.3), row(400, 0, 420, 20, 0.1)])  # fmt: skip
    agreed = np.array([1.0, 0.2, 1.0, 1.0, 1.0], np.float32)
    alone = decide(rows, agreed, np.zeros((0, 17), np.float32))
    assert alone[:, :1].ravel().tolist() == [0, 100, 200, 300] and alone[:, 4].tolist() == [1, 0, 0, 0]
    tracked = np.stack([np.append(rows[2], 0), np.append(row(500, 0, 520, 20), 1)])
    helped = decide(rows, agreed, tracked)
    assert sorted(helped[helped[:, 4] == 1, 0].tolist()) == [0, 200, 500]
    assert sorted(helped[helped[:, 4] == 0, 0].tolist()) == [100, 300]


def test_change_of_labels() -> None:
    a, b = [np.stack([row(0, 0, 20, 20, 1), row(50, 0, 70, 20, 1)])], [np.stack([row(1, 0, 21, 20, 1)])]
    a[0][:, 4] = b[0][:, 4] = 1
    assert change(a, a) == 0
    assert change(a, b) == pytest.approx(1 / 3)


# ------------------------------------------------------------------------------------- the operating room


@pytest.fixture(scope="module")
def room():
    return operating_room(3, 1, 5)[0]


def test_the_room_is_as_it_says(room) -> None:
    assert room.frames.shape == (5, SIZE[1], SIZE[0], 3) and room.frames.dtype == np.uint8
    again = operating_room(3, 1, 5)[0]
    assert (again.frames == room.frames).all()
    for boxes in room.boxes:
        size = boxes[:, 2:] - boxes[:, :2]
        assert (size > 10).all() and (size < 120).all()
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert (centre > 0).all() and (centre < np.array(SIZE)).all()


def test_a_camera_further_away_sees_smaller_faces_in_the_same_places(room) -> None:
    far = farther(room, 1)
    assert far.frames.shape == (5, FAR * SIZE[1], FAR * SIZE[0], 3) and (farther(room, 1).frames == far.frames).all()
    for near, small, a, b in zip(room.frames, far.frames, room.boxes, far.boxes, strict=True):
        np.testing.assert_allclose(b[:, 2:] - b[:, :2], FAR * (a[:, 2:] - a[:, :2]), rtol=1e-3)
        x0, y0, x1, y1 = (a[0] + 0.5).astype(int).clip(0)
        u0, v0, u1, v1 = (b[0] + 0.5).astype(int).clip(0)
        assert small[v0:v1, u0:u1].mean() == pytest.approx(near[y0:y1, x0:x1].mean(), abs=8)


def test_the_detector_labels_the_room_rightly(room) -> None:
    labels = label(Session("detector", threads=1), [list(room.frames)], (View(), View(1.5)))
    faces = [rows[rows[:, 4] == 1] for rows in labels]
    right = sum(
        int((iou_matrix(f[:, :4], b).max(1, initial=0) > 0.5).sum()) for f, b in zip(faces, room.boxes, strict=True)
    )
    assert sum(map(len, faces)) >= 3
    assert right / sum(map(len, faces)) >= 0.9


def test_views_of_the_new_place_show_faces_about_as_large_as_the_detector_sees_them() -> None:
    rng, image = np.random.default_rng(0), np.zeros((240, 320, 3), np.uint8)
    image[100:140, 100:140] = 255
    face = np.stack([row(100, 100, 139, 139, 1)])
    sides = []
    for _ in range(30):
        _, rows = view_of_face(rng, image, face, AROUND, times=1.28)
        sides.append(float(np.sqrt(np.prod(rows[0, 2:4] - rows[0, :2]))))
    seen = np.array(sides) / (39 * 1.28)
    assert 0.55 < seen.min() < 0.8 and 1.2 < seen.max() < 1.75  # a turned box grows a little


def test_masks_cover_the_lower_half() -> None:
    view = np.zeros((SIDE, SIDE, 3), np.uint8)
    rows = np.stack([row(50, 50, 90, 90)] * 40)
    rows[:, 4] = 1
    covered = mask_lower_half(np.random.default_rng(0), view, rows).any(axis=2)
    assert covered[72:88, 62:78].all() and not covered[:62].any() and not covered[94:].any()
    rows[:, 4] = 0
    assert not mask_lower_half(np.random.default_rng(0), view, rows).any()


def test_damage_leaves_small_faces_to_be_seen() -> None:
    """A view of 320 px brought to 24 px has no faces of 12 px any more, but would still be taught as if."""
    view = np.full((SIDE, SIDE, 3), 70, np.uint8)
    view[100:112, 100:106], view[100:112, 106:112] = 190, 20
    contrast = []
    for seed in range(60):
        seen = damage(view, np.random.default_rng(seed), COARSE).astype(float).mean(2)
        contrast.append((seen[102:110, 101:105].mean() - seen[102:110, 107:111].mean()) / max(seen.mean(), 1))
    assert np.mean(np.array(contrast) > 1) > 0.95


def test_folders_become_clips(astronaut_path: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(astronaut_path.read_bytes())
    (tmp_path / "b.png").write_bytes(b"no picture")
    clips, failed = read_clips(tmp_path)
    assert [len(clip) for clip in clips] == [1] and clips[0][0].shape == (512, 512, 3)
    assert len(failed) == 1 and "b.png" in failed[0]
    (tmp_path / "a.png").unlink()
    with pytest.raises(InputError, match=r"can be read.*b\.png"):
        read_clips(tmp_path)


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture
def torch():
    pytest.importorskip("onnx", reason="onnx absent: it comes with the extra `train`")
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def test_the_new_place_teaches_by_labels_the_old_one_by_what_was_said(
    torch, hopper: ImageArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasion.train import or_face
    from nasion.train.detector_file import read_detector
    from nasion.train.detector_loss import cells

    monkeypatch.setattr(or_face, "BATCH", 2)
    net, _ = read_detector()
    face = look(Session("detector", threads=1), hopper, View())[0][:1]
    label_it, ignore_it = face.copy(), face.copy()
    label_it[0, 4], ignore_it[0, 4] = 1, 0
    blank = [np.full((400, 400, 3), 128, np.uint8)]
    seen = {}
    for name, rows in (("label", label_it), ("ignore", ignore_it)):
        images, wanted = or_face._batch(np.random.default_rng(1), blank, [rows], [hopper], [face], net)
        assert images.shape == (4, 3, SIDE, SIDE) and len(wanted) == 4
        seen[name] = wanted
    for there, nowhere in zip(seen["label"][:2], seen["ignore"][:2], strict=True):
        assert there.score.max() > 0.5 and there.weight.min() == 1  # of a blank wall: only the label says so
        assert nowhere.score.max() == 0 and nowhere.weight.min() == 0
    for old in seen["label"][2:]:
        assert old.score.max() > 0.5 and old.weight.min() == 1  # nobody labelled it: the detector has always said so
    assert len(cells(SIDE, SIDE)[1]) == len(seen["label"][0].score)


def test_rounds_go_on_from_the_mean_of_the_student(
    torch, room, hopper: ImageArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasion.train import or_face
    from nasion.train.detector_file import read_detector

    monkeypatch.setattr(or_face, "BATCH", 1)
    given: list[list[np.ndarray]] = []

    def review(labels: list[np.ndarray]) -> list[np.ndarray]:
        given.append(labels)
        return [labels[0], *(rows[:0] for rows in labels[1:])] if len(given) == 1 else labels

    made = or_face.adapt_detector([list(room.frames)], [hopper[:320, :320]], steps=3, threads=1, review=review)
    assert made.rounds[0].change == 1
    assert len(made.rounds) >= 2 and made.rounds[1].change > 0.02  # what was struck out came back
    assert made.rounds[1].faces > made.rounds[0].faces
    assert made.kept == 1.0
    before = read_detector()[0]
    moved = [
        float((a - b).detach().abs().max()) for a, b in zip(before.parameters(), made.net.parameters(), strict=True)
    ]
    assert 0 < max(moved) < 0.01


def test_what_cannot_be_learned_from_is_refused(torch, hopper: ImageArray) -> None:
    from nasion.train.or_face import adapt_detector

    with pytest.raises(InputError, match="minutes or of steps"):
        adapt_detector([[hopper]])
    with pytest.raises(InputError, match="no pictures"):
        adapt_detector([], steps=1)
    with pytest.raises(InputError, match="no face was found in 1 pictures"):
        adapt_detector([[np.full((64, 64, 3), 90, np.uint8)]], steps=1)
