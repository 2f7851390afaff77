"""Training a binary state: the attention's laws, the gate, whole people held out, the opt-in, and that it learns."""

from pathlib import Path

import numpy as np
import pytest

from nasion.clinic.binary_state import Shot, StateReader, neighbours
from nasion.core import InputError
from nasion.train.intoxication import Intoxication, export, mirrored, score_lines, told
from nasion.train.recipe import Course, Progress
from nasion.train.state_clips import Clips, synthetic
from nasion.train.state_folder import gathered, read_state_folder
from nasion.train.state_scores import check_disjoint, split_subjects, state_scores

HAVE = (True, True), (True, False), (False, True)


@pytest.fixture(scope="module")
def torch():
    found = pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")
    found.manual_seed(0)
    return found


def test_attention_rows_sum_to_one_off_the_graph_is_zero_and_nodes_may_change_places(torch) -> None:
    from nasion.train.intoxication_net import GraphAttention

    mask = torch.from_numpy(np.array(neighbours()))
    layer, h = GraphAttention(6, 4, 8, mask), torch.randn(3, 68, 6)
    weight, mapped = layer.attention(h)
    assert float((weight.sum(-1) - 1).abs().max()) < 1e-6
    assert float(weight.detach()[..., ~mask].abs().max()) == 0 and weight.shape == (3, 4, 68, 68)
    i, j = 37, int(np.flatnonzero(neighbours()[37])[0])
    score = torch.nn.functional.leaky_relu(
        (layer.here * mapped[:, i]).sum(-1)[..., None] + (layer.there * mapped).sum(-1).transpose(1, 2), 0.2
    )
    by_hand = score[..., j].exp() / score[..., mask[i]].exp().sum(-1)
    torch.testing.assert_close(weight[:, :, i, j], by_hand)
    order = torch.randperm(68)
    moved = GraphAttention(6, 4, 8, mask[order][:, order])
    moved.load_state_dict({**layer.state_dict(), "mask": mask[order][:, order]})
    torch.testing.assert_close(moved(h[:, order]), layer(h)[:, order])


def toy(count: int = 96, seed: int = 0, cue: str = "landmarks") -> Clips:
    """Clips of four frames; the state moves the left lids, or makes the mouth bright."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 2
    graph = rng.normal(0, 0.05, (count, 1, 4, 68, 6)).astype(np.float32)
    looks = np.random.default_rng(5).integers(60, 180, (3, 32, 32, 3))  # few: nobody is to be known by the pixels
    crops = looks[rng.integers(0, 3, count)][:, None, None] + rng.normal(0, 6, (count, 1, 4, 32, 32, 3))
    crops = np.clip(crops, 0, 255).astype(np.uint8)
    if cue != "pixels":
        graph[label == 1, :, :, 42:48, 3] += 0.25
    if cue != "landmarks":
        crops[label == 1, :, :, 20:28, 8:24] = 230
    return Clips(graph, crops, np.ones((count, 1), bool), label, np.arange(count) // 4, ("a", "b") * (count // 2))


def fitted(clips: Clips, steps: int) -> object:
    from nasion.train import fit

    recipe = Intoxication(heads=2, width=4, out=16)
    return fit(recipe, recipe.take(clips), steps=steps, seed=0, threads=1).model


def test_the_gate_turns_to_where_the_cue_is_and_an_absent_branch_weighs_nothing(torch, tmp_path: Path) -> None:
    gates = {}
    for cue in ("landmarks", "pixels"):
        net = fitted(toy(cue=cue), 40)
        probability, found = told(net, toy(24, 1, cue))
        assert state_scores(probability, toy(24).label, toy(24).subject).auc.value > 0.9
        gates[cue] = found.mean(0)
    assert gates["landmarks"][0] >= 0.7 and gates["pixels"][1] >= 0.7
    np.testing.assert_allclose(gates["pixels"].sum(), 1, atol=1e-6)
    alone, only = told(net, toy(24, 1, "pixels"), (False, True))
    assert (only[:, 0] == 0).all() and (only[:, 1] == 1).all()
    assert state_scores(alone, toy(24).label, toy(24).subject).auc.value > 0.85

    # what is exported says what the network says
    reader = StateReader(export(net, tmp_path / "state.onnx", "tired"), research_only=True)
    test = toy(24, 1, "pixels")
    nodes, crops = (np.repeat(part[:2, 0], 4, axis=1) for part in (test.nodes, test.crops))  # 16 frames
    one = reader([Shot(nodes[1], crops[1], 0.0)])
    assert one.state == "tired" and "NOT FOR ENFORCEMENT" in one.notice
    long = Clips(nodes[:, None], crops[:, None], np.ones((2, 1), bool), test.label[:2], test.subject[:2], ("", ""))
    np.testing.assert_allclose(one.probability, told(net, long)[0][1], atol=1e-5)
    with pytest.raises(InputError, match="no shot"):
        reader([])


def test_each_branch_learns_though_the_gate_leaves_it_out_and_may_be_missing_later(torch) -> None:
    clips = toy(cue="both")
    for alone, learns in ((0.5, True), (0.0, False)):
        recipe = Intoxication(heads=2, width=4, out=16, alone=alone)
        net = recipe.build(68, 32)
        batch = recipe.draw(recipe.take(clips), np.arange(8), np.random.default_rng(0))
        batch.visible[:] = torch.tensor([True, False])
        terms = recipe.loss(net, batch, Progress("train", 0, 0.0))
        assert set(terms) == {"fused", "landmarks", "pixels"}
        sum(terms.values()).backward()
        assert (float(net.pixels.stem.space.weight.grad.abs().max()) > 0) == learns
    single = Intoxication((False, True), heads=2, width=4, out=16)
    batch = single.draw(single.take(clips), np.arange(8), np.random.default_rng(0))
    net.zero_grad()
    terms = single.loss(net, batch, Progress("train", 0, 0.0))
    assert set(terms) == {"fused"}
    terms["fused"].backward()
    assert next(net.landmarks.parameters()).grad is None and next(net.pixels.parameters()).grad is not None
    net, test = fitted(clips, 40), toy(24, 1, "both")
    auc = [state_scores(told(net, test, h)[0], test.label, test.subject).auc.value for h in HAVE]
    assert auc[0] > 0.95 and max(auc[0] - one for one in auc[1:]) < 0.15


def test_a_fresh_gate_weighs_both_alike(torch) -> None:
    from nasion.train.intoxication_net import Fusion

    net, clips = Fusion(2, 4, 16), toy(8)
    _, gates = net(torch.from_numpy(clips.nodes[:, 0]), torch.from_numpy(clips.crops[:, 0]))
    assert float((gates.detach() - 0.5).abs().max()) < 0.02


def test_people_are_never_split(torch) -> None:
    clips = toy(80)
    learn, held = split_subjects(clips.subject, clips.label, seed=3)
    assert not set(clips.subject[learn]) & set(clips.subject[held]) and len(learn) + len(held) == 80
    check_disjoint(clips.subject[learn], clips.subject[held])
    with pytest.raises(InputError, match="who they are"):
        check_disjoint(clips.subject[::2], clips.subject[1::2])
    with pytest.raises(InputError, match="never split"):
        split_subjects(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))


def test_scores_have_intervals_by_people_and_errors_by_group() -> None:
    rng = np.random.default_rng(0)
    label, subject = np.arange(200) % 2, np.arange(200) // 10
    probability = np.clip(0.5 + 0.3 * (label - 0.5) + rng.normal(0, 0.2, 200), 0, 1)
    probability[(subject < 4) & (label == 0)] = 0.9  # some people are always taken for it
    scores = state_scores(probability, label, subject, ["dark" if who < 4 else "light" for who in subject])
    assert scores.auc.low < scores.auc.value < scores.auc.high and scores.auc.count == 20
    assert scores.groups["dark"].false_alarms == 1 and scores.groups["light"].false_alarms < 0.4
    assert scores.groups["dark"].people == 4 and "dark" in "".join(score_lines(scores))
    with pytest.raises(InputError, match="same label"):
        state_scores(probability, label * 0, subject)


def test_synthetic_cues_lie_where_they_should() -> None:
    made = synthetic(0, 3, 1)
    lids = {}
    for cue, clips in made.items():
        height = clips.nodes[..., [40, 41, 46, 47], 1].mean(-1) - clips.nodes[..., [37, 38, 43, 44], 1].mean(-1)
        lids[cue] = height.mean((1, 2))
    for cue in ("both", "landmarks"):
        label = made[cue].label
        assert lids[cue][label == 1].max() < lids[cue][label == 0].max()
        assert lids[cue][label == 1].mean() < 0.85 * lids[cue][label == 0].mean()
    np.testing.assert_array_equal(made["pixels"].nodes[0], made["pixels"].nodes[1])  # the same calm performance
    np.testing.assert_array_equal(made["landmarks"].crops[0], made["landmarks"].crops[1])
    assert (made["both"].crops[0] != made["both"].crops[1]).any() and not made["none"].label.any()
    np.testing.assert_array_equal(mirrored(mirrored(made["both"].nodes)), made["both"].nodes)


def test_training_is_refused_without_the_opt_in_or_the_table(tmp_path: Path) -> None:
    recipe = Intoxication()
    with pytest.raises(InputError, match="NOT FOR ENFORCEMENT"):
        recipe.make(tmp_path, tmp_path / "o.onnx", Course(0.1))
    recipe.research_only = True
    with pytest.raises(InputError, match="nothing ships"):
        recipe.make(None, tmp_path / "o.onnx", Course(0.1))
    with pytest.raises(InputError, match=r"labels\.csv is missing"):
        read_state_folder(tmp_path)
    (tmp_path / "labels.csv").write_text("file,state:tired\na.mp4,1\n")
    with pytest.raises(InputError, match="subject are needed"):
        read_state_folder(tmp_path)
    (tmp_path / "labels.csv").write_text("file,state:tired,subject\na.mp4,yes,1\n")
    with pytest.raises(InputError, match="0 or 1"):
        read_state_folder(tmp_path)


def test_clips_of_different_length_become_one_set() -> None:
    clips = toy(4)
    shots = [Shot(clips.nodes[k, 0], clips.crops[k, 0], 0.0) for k in range(4)]
    both = gathered([(shots[:3], 1, 0, "x"), (shots[3:], 0, 1, "")])
    assert both.have.tolist() == [[True] * 3, [True, False, False]] and both.label.tolist() == [1, 0]
    assert both.group == ("x", "")
