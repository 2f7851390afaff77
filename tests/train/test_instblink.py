"""InstBlink: clips and their truth, tube matching, what the parts of the network do, and the file that is read back."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, ModelError
from nasion.eyes.instblink import BlinkNetwork
from nasion.train.instblink import InstBlinkRecipe, random_clip
from nasion.train.instblink_clips import Path2D, Person, compose, crossing_paths, still_paths
from nasion.train.recipe import Progress

SIZE = (192, 128)


def person(grey: int, frames: int = 20, blinks: tuple[tuple[int, int], ...] = ((4, 9),)) -> Person:
    """A square face of one grey on a round head; shut eyes are drawn as a dark bar."""
    images = np.full((frames, 40, 40, 3), grey, np.uint8)
    made = Person(
        images, np.zeros((frames, 40, 40), np.uint8), np.tile(np.float32((10, 10, 29, 31)), (frames, 1)),
        np.array(blinks, np.int64).reshape(-1, 2),
    )  # fmt: skip
    made.alpha[:, 4:38, 6:34] = 255
    made.images[made.blinking, 16:19, 12:28] = grey // 3
    return made


def stand(x: float, side: float = 0.3, frames: int = 20) -> Path2D:
    return Path2D(np.tile((x, 0.5), (frames, 1)), np.full(frames, side))


def test_the_truth_lies_on_the_people() -> None:
    two = [person(60), person(200, blinks=())]
    clip = compose(two, [0, 0], [stand(0.25), stand(0.75)], SIZE, np.random.default_rng(0))
    assert clip.images.shape == (20, 128, 192, 3) and np.isfinite(clip.boxes).all()
    for k, grey in enumerate((60, 200)):
        x0, y0, x1, y1 = (clip.boxes[k, 0] * (192, 128, 192, 128)).round().astype(int)
        inside = clip.images[0, y0 + 2 : y1 - 1, x0 + 2 : x1 - 1].mean()
        assert abs(inside - grey) < 0.25 * grey  # but for the clip's own light
        assert (x1 - x0, y1 - y0) == (
            pytest.approx(0.3 * 192 * 19 / 40, abs=2),
            pytest.approx(0.3 * 192 * 21 / 40, abs=2),
        )
    assert clip.blinking[0].tolist() == [4 <= t < 9 for t in range(20)] and not clip.blinking[1].any()
    tracks = clip.tracks()
    assert tracks[0].blinks.tolist() == [[4, 9]] and len(tracks[1].blinks) == 0


def test_who_is_covered_is_not_there_and_neither_is_their_blink() -> None:
    near, far = person(200, blinks=()), person(60)
    clip = compose([far, near], [0, 0], [stand(0.5, 0.25), stand(0.5, 0.45)], SIZE, np.random.default_rng(0))
    assert np.isnan(clip.boxes[0]).all() and np.isfinite(clip.boxes[1]).all()
    assert len(clip.tracks()) == 1
    outside = compose([far], [0], [stand(1.3)], SIZE, np.random.default_rng(0))
    assert np.isnan(outside.boxes).all()


def test_mirrored_people_have_mirrored_boxes() -> None:
    one = person(90)
    object.__setattr__(one, "boxes", one.boxes - np.float32((5, 0, 5, 0)))
    plain, other = (
        compose([one], [0], [stand(0.5)], SIZE, np.random.default_rng(0), [flip]).boxes[0, 0] for flip in (False, True)
    )
    assert plain[[0, 2]].mean() < 0.49 < 0.51 < other[[0, 2]].mean()


def test_paths_cross() -> None:
    paths = crossing_paths(np.random.default_rng(3), 5, 75, 0.8, (0.3, 0.5))
    x = np.stack([path.centre[:, 0] for path in paths])
    assert (np.argsort(x[:, 0]) != np.argsort(x[:, -1])).any()
    assert len(still_paths(3, 10, 0.4)) == 3


def test_half_of_the_views_show_a_blink() -> None:
    people = [person(60 + 20 * i, 36, ((12, 17),)) for i in range(6)]
    rng = np.random.default_rng(0)
    clips = [random_clip(people, i % 6, rng) for i in range(30)]
    assert {len(clip.boxes) for clip in clips} == {2, 3, 4, 5}
    assert 0.4 < np.mean([clip.blinking.any(1).mean() for clip in clips]) < 0.9


def test_it_places_no_landmarks() -> None:
    with pytest.raises(InputError, match="places no points"):
        InstBlinkRecipe().predict(None, None)


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture
def torch():
    found = pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")
    found.manual_seed(0)
    return found


@pytest.fixture
def net(torch):
    from nasion.train.instblink_net import InstBlink

    return InstBlink().eval()


def test_a_query_is_one_person_in_all_frames(torch) -> None:
    """Two people change places; each query is right in half of the frames for both, tubes decide."""
    from nasion.train.instblink_losses import Target, match_tubes

    left, right = torch.tensor([0.1, 0.1, 0.3, 0.4]), torch.tensor([0.6, 0.1, 0.8, 0.4])
    way = torch.linspace(0, 1, 8)[:, None]
    a, b = left + way * (right - left), right + way * (left - right)
    target = Target(torch.stack([a, b]), torch.zeros(2, 8, dtype=torch.bool))
    stays = left.expand(8, 4)
    boxes = torch.stack([stays, b, a], 1)  # queries: one that stays where a begins and b ends, and the two people
    queries, people = match_tubes(boxes, torch.zeros(8, 3), target)
    assert dict(zip(people.tolist(), queries.tolist(), strict=True)) == {0: 2, 1: 1}


def test_absent_frames_do_not_count_in_matching_and_blinks_only_where_seen(torch) -> None:
    from nasion.train.instblink_losses import Target, clip_losses

    box = torch.tensor([0.2, 0.2, 0.4, 0.5])
    target = Target(box.expand(1, 6, 4).clone(), torch.zeros(1, 6, dtype=torch.bool))
    target.boxes[0, 3:] = torch.nan
    target.blinking[0, 4] = True
    centre = torch.tensor([0.3, 0.35, 0.2, 0.3]).expand(1, 6, 1, 4).clone()
    far = centre.clone()
    far[:, 3:] = 0.9
    face, blink = torch.full((1, 6, 1), -9.0), torch.full((1, 6, 1), -9.0)
    face[:, :3] = 9.0
    for boxes in (centre, far):  # where nobody is, it does not matter where the box stands
        losses = clip_losses([(boxes, face, blink)], [target])
        assert all(float(losses[name]) < 1e-3 for name in losses), losses
    blink[0, 1] = 9.0
    assert float(clip_losses([(centre, face, blink)], [target])["blink"]) > 1


def test_hints_stand_beside_the_people_and_teach_without_matching(torch, net) -> None:
    from nasion.train.instblink import hints
    from nasion.train.instblink_losses import Target, clip_losses, corners, giou

    box = torch.tensor([0.2, 0.2, 0.4, 0.5])
    target = Target(torch.stack([box, box + 0.3])[:, None].expand(2, 4, 4).clone(), torch.zeros(2, 4, dtype=torch.bool))
    target.boxes[1, 2:] = torch.nan
    beside = hints([target])
    assert beside.shape == (1, 4, 2, 4) and beside.isfinite().all()
    there = target.boxes.isfinite().all(-1).t()
    overlap = giou(corners(beside[0])[there], target.boxes.transpose(0, 1)[there])
    assert overlap.min() > -0.2 and 0.2 < overlap.mean() < 0.99
    maps = net.maps(torch.rand(1, 4, 3, 64, 96) * 255)
    with torch.no_grad():
        told = net.hinted(maps, beside)
    losses = clip_losses(told, [target], matched=True)
    assert set(losses) == {"face", "distance", "overlap", "blink"} and all(v > 0 for v in losses.values())


def test_roi_align_reads_what_lies_under_the_box(torch) -> None:
    from nasion.train.instblink_net import roi_align

    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    maps = torch.stack([x + 0.5, y + 0.5])[None]  # a map of its own px edges' coordinates
    box = torch.tensor([[[0.5, 0.4, 0.4, 0.5]]])
    under = roi_align(maps, box)[0].view(2, 7, 7).permute(1, 2, 0)
    steps = (torch.arange(7) + 0.5) / 7 - 0.5
    torch.testing.assert_close(under[..., 0], (30 * (0.5 + 0.4 * steps)).expand(7, 7), atol=1e-4, rtol=0)
    torch.testing.assert_close(under[..., 1], (20 * (0.4 + 0.5 * steps))[:, None].expand(7, 7), atol=1e-4, rtol=0)


def test_queries_make_their_own_convolutions(torch) -> None:
    from nasion.train.instblink_net import WIDTH, DynamicConv

    under, queries = torch.randn(1, 49, WIDTH).expand(2, -1, -1), torch.randn(2, WIDTH)
    for own in (True, False):
        layer = DynamicConv(own)
        change = layer(queries, under) - layer.norm(queries)
        weights = layer.weights(queries if own else torch.ones_like(queries))
        assert torch.equal(weights[0], weights[1]) is not own
        assert change.abs().max() > 0.1


def test_queries_look_at_other_frames_and_at_each_other(torch, net) -> None:
    from nasion.train.instblink_net import InstBlink

    clip = torch.rand(1, 4, 3, 64, 96) * 255
    other = clip.clone()
    other[:, 3] = 0
    apart = InstBlink(temporal=False).eval()
    apart.load_state_dict(net.state_dict())
    with torch.no_grad():
        for model, reaches in ((net, True), (apart, False)):
            before, after = (model(c)[-1] for c in (clip, other))
            for said, frame in ((1, 0), (2, 1)):  # face in the first frame; blink, which looks two frames ahead
                same = torch.allclose(before[said][0, frame], after[said][0, frame], atol=1e-6)
                assert same is not reaches
        layer = net.stages[0].attention
        queries = torch.randn(1, 3, 5, 64)
        moved = queries.clone()
        moved[0, 0, 1] += 1
        assert not torch.allclose(layer(queries)[0, 0, 0], layer(moved)[0, 0, 0])
        assert torch.allclose(layer(queries)[0, 1], layer(moved)[0, 1])


def test_eyes_read_the_band_of_the_eyes_in_few_frames_around(torch, net) -> None:
    clip = torch.rand(1, 8, 3, 64, 96) * 255
    boxes = torch.tensor([0.5, 0.5, 0.5, 0.75]).expand(1, 8, 1, 4)  # rows 8 to 56 of 64: the band ends with row 33
    with torch.no_grad():
        before = net.blinks(clip, boxes)[0, :, 0]
        for rows, seen in ((slice(38, 64), False), (slice(16, 28), True)):
            other = clip.clone()
            other[:, 6, :, rows] = 0
            changed = (net.blinks(other, boxes)[0, :, 0] - before).abs() > 1e-6
            assert changed.tolist() == [seen and t >= 4 for t in range(8)]


def test_blinks_count_where_boxes_lie_on_faces(torch) -> None:
    from nasion.train.instblink_losses import Target, clip_losses

    target = Target(torch.tensor([0.2, 0.2, 0.4, 0.5]).expand(1, 6, 4), torch.ones(1, 6, dtype=torch.bool))
    logit = torch.full((1, 6, 1), -3.0)
    for x, counts in ((0.32, True), (0.6, False)):
        box = torch.tensor([x, 0.35, 0.2, 0.3]).expand(1, 6, 1, 4)
        assert (float(clip_losses([(box, logit, logit)], [target])["blink"]) > 1) is counts
    assert float(clip_losses([(box, logit, None)], [target])["blink"]) == 0


def test_close_ups_show_a_face_as_large_as_in_a_clip() -> None:
    from nasion.train.instblink import TILE, close_up

    rng, one = np.random.default_rng(0), person(90, 36, ((12, 17),))
    clips = [close_up(one, rng) for _ in range(30)]
    boxes = np.concatenate([clip.boxes[0] for clip in clips]) * TILE
    assert clips[0].images.shape == (11, TILE, TILE, 3) and np.isfinite(boxes).all()
    widths = boxes[:, 2] - boxes[:, 0]
    assert widths.min() > 0.32 * 192 * 19 / 40 and widths.max() < 0.6 * 192 * 19 / 40
    assert 0.6 < np.mean([clip.blinking.any() for clip in clips]) < 1


def test_eyes_learn_from_people_alone_to_tell_shut_from_open(torch, net) -> None:
    """Fifteen steps on drawn people, whose shut eyes are a dark bar; tried on a grey never seen."""
    from nasion.train.instblink import _tensors, close_up, eyes_loss

    rng, learner = np.random.default_rng(0), net.eyes.train()
    optimiser = torch.optim.AdamW(learner.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        loss = eyes_loss(net, [close_up(person(60 + 20 * k, 36, ((12, 17),)), rng, 6) for k in range(0, 8, 2)])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    frames, (target,) = _tensors([close_up(person(130, 36, ((12, 17),)), np.random.default_rng(4), 11)])
    boxes = torch.cat([(target.boxes[0, :, 2:] + target.boxes[0, :, :2]) / 2,
                       target.boxes[0, :, 2:] - target.boxes[0, :, :2]], -1)[None, :, None]  # fmt: skip
    with torch.no_grad():
        logit = net.blinks(frames, boxes)[0, :, 0]  # normalised by the clip itself: averages need more steps
    shut = target.blinking[0]
    assert 0 < shut.sum() < 11 and logit[shut].mean() > logit[~shut].mean() + 1


def test_giou_and_focal_are_what_they_are_called(torch) -> None:
    from nasion.train.instblink_losses import focal, giou

    a = torch.tensor([0.0, 0, 1, 1])
    assert float(giou(a, a)) == pytest.approx(1)
    assert float(giou(a, torch.tensor([0.5, 0, 1.5, 1]))) == pytest.approx(1 / 3)
    assert float(giou(a, torch.tensor([2.0, 0, 3, 1]))) == pytest.approx(-1 / 3)
    logit = torch.tensor([2.0, 2.0])
    p = 1 / (1 + np.exp(-2))
    expected = [0.25 * (1 - p) ** 2 * -np.log(p), 0.75 * p**2 * -np.log(1 - p)]
    np.testing.assert_allclose(focal(logit, torch.tensor([1.0, 0.0])).numpy(), expected, rtol=1e-4)


def test_it_learns_a_clip_by_heart_and_the_file_says_the_same(torch, tmp_path: Path, monkeypatch) -> None:
    """A few steps on one clip: losses fall; exported, read and linked without PyTorch it gives the same people."""
    from nasion.train import instblink, instblink_net
    from nasion.train.instblink_net import InstBlink

    monkeypatch.setattr(instblink_net, "STAGES", 2)
    recipe = InstBlinkRecipe()
    two = [person(40, 8), person(220, 8, ())]
    clip = compose(two, [0, 0], [stand(0.3, frames=8), stand(0.7, frames=8)], (96, 64), np.random.default_rng(0))
    model = InstBlink()

    class Drawn:
        def clips(self):
            return [clip]

    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    totals = []
    for _ in range(20):
        loss = sum(recipe.loss(model, Drawn(), Progress("all", 0, 0.0)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.5 * totals[0]
    monkeypatch.setattr(instblink, "SIZE", (96, 64))
    path = recipe.export(model.eval(), tmp_path / "network.onnx")
    network = BlinkNetwork(path, threshold=0.5, threads=1)
    assert (network.size, network.fps) == ((96, 64), 15.0)
    with torch.no_grad():
        expected = instblink_net.Contract(model)(torch.from_numpy(clip.images))
    said = network._session.run({"frames": clip.images})
    np.testing.assert_allclose(said["boxes"], expected[0].numpy(), atol=1e-3)
    assert set(said) == {"boxes", "face", "blink"} and said["blink"].shape == (8, 12)


def test_another_file_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot find blinks"):
        BlinkNetwork("gaze")


def test_thresholds_are_chosen_on_clips() -> None:
    """True people at a face score of 0.25 beside somebody false at 0.15, shut eyes at 0.6 beside open ones at 0.4."""
    from nasion.train.instblink import best_thresholds

    two = [person(60), person(200, blinks=((12, 16),))]
    clip = compose(two, [0, 0], [stand(0.25), stand(0.75)], SIZE, np.random.default_rng(0))

    def say(frames: np.ndarray) -> dict[str, np.ndarray]:
        false = np.tile(np.float32((0.4, 0.1, 0.5, 0.2)), (len(frames), 1))
        blink = np.concatenate([np.where(clip.blinking, 0.6, 0.4), np.full((1, len(frames)), 0.9)])
        faces = np.tile((0.25, 0.25, 0.15), (len(frames), 1))
        return {"boxes": np.stack([*clip.boxes, false], 1), "face": faces, "blink": blink.T}

    face, threshold, score = best_thresholds([clip], say)
    assert face == pytest.approx(0.2) and 0.4 < threshold < 0.6
    assert (score.inst_ap, score.blink_ap) == (pytest.approx(1.0), pytest.approx(1.0))
