"""The published InstBlink: its names and sizes, reading by level, weights by name, and the file that finds people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasion.core import ModelError
from nasion.eyes.instblink import BlinkNetwork

torch = pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")

from nasion.train.instblink_published import Heads, PublishedInstBlink, Shape, read_levels  # noqa: E402
from nasion.train.instblink_weights import export_published, load_instblink  # noqa: E402

TINY = Shape(layers=(1, 1, 1, 1), base=4, channels=16, inner=4, queries=5, stages=2, heads=2, feed=32, size=(80, 48))


@pytest.fixture(scope="module")
def tiny() -> PublishedInstBlink:
    torch.manual_seed(3)
    net = PublishedInstBlink(TINY).eval()
    with torch.no_grad():
        net.rpn_head.init_proposal_bboxes.weight.copy_(torch.rand(5, 4) * 0.4 + 0.3)
    return net


def written(net: PublishedInstBlink, path: Path, prefix: str = "", without: str = "") -> Path:
    state = {n: v.numpy() for n, v in net.state_dict().items() if not (n.endswith("tracked") or n == without)}
    np.savez(path, **{prefix + name: value for name, value in state.items()})
    return path


def test_names_and_sizes_are_the_published_ones() -> None:
    """As the released configuration and code build them: four arrays of each kind, written down by hand."""
    with torch.device("meta"):
        sizes = {name: tuple(value.shape) for name, value in PublishedInstBlink().state_dict().items()}
    stage = "roi_head.bbox_head.3."
    for name, size in {
        "backbone.conv1.weight": (64, 3, 7, 7), "backbone.layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "backbone.layer3.5.bn3.running_var": (1024,), "backbone.layer4.2.conv2.weight": (512, 512, 3, 3),
        "neck.lateral_convs.3.conv.weight": (256, 2048, 1, 1), "neck.fpn_convs.0.conv.bias": (256,),
        "rpn_head.init_proposal_bboxes.weight": (50, 4), "rpn_head.init_proposal_features.weight": (50, 256),
        stage + "attention.attn.in_proj_weight": (768, 256), stage + "attention.attn.out_proj.bias": (256,),
        stage + "attention_norm.weight": (256,), stage + "ffn.layers.0.0.weight": (2048, 256),
        stage + "ffn.layers.1.bias": (256,), stage + "instance_interactive_conv.dynamic_layer.weight": (32768, 256),
        stage + "instance_interactive_conv.fc_layer.weight": (256, 12544),
        stage + "instance_interactive_conv.norm_in.bias": (64,), stage + "instance_interactive_conv_norm.bias": (256,),
        stage + "cls_fcs.0.weight": (256, 256), stage + "cls_fcs.1.bias": (256,), stage + "fc_cls.weight": (1, 256),
        stage + "reg_fcs.6.weight": (256, 256), stage + "reg_fcs.7.weight": (256,), stage + "fc_reg.bias": (4,),
        "roi_head.blink_head.3.fc_blink.weight": (1, 256),
    }.items():  # fmt: skip
        assert sizes[name] == size, name
    assert stage + "cls_fcs.0.bias" not in sizes and "neck.fpn_convs.4.conv.weight" not in sizes


def test_attention_is_pytorchs_own() -> None:
    heads, theirs = Heads(TINY), torch.nn.MultiheadAttention(16, 2, batch_first=True)
    theirs.load_state_dict(heads.state_dict())
    x = torch.randn(3, 5, 16)
    torch.testing.assert_close(heads(x), theirs(x, x, x)[0])


def test_boxes_are_read_from_the_level_that_suits_them() -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(128.0), indexing="ij")
    maps = [
        torch.stack([torch.full(v.shape, float(k)), v, w])
        for k, s in enumerate((1, 2, 4, 8))
        for v, w in [[(part[: 64 // s, : 128 // s] + 0.5) * 4 * s for part in (x, y)]]
    ]  # channels: the level, then x and y in px
    boxes = torch.tensor([[[200.0, 120, 50, 60], [260, 130, 112, 113], [250, 128, 230, 240], [256, 128, 500, 500]]])
    under = read_levels([m[None] for m in maps], boxes)
    assert under[:, :, 0].amax(1).round().tolist() == [0, 1, 2, 3]
    steps = (torch.arange(7) + 0.5) / 7 - 0.5
    first = under[0].view(7, 7, 3)
    torch.testing.assert_close(first[0, :, 1], 200 + 50 * steps, atol=0.01, rtol=0)
    torch.testing.assert_close(first[:, 0, 2], 120 + 60 * steps, atol=0.01, rtol=0)


def test_outside_the_picture_there_is_nothing() -> None:
    maps = [torch.ones(1, 1, 32 // s, 32 // s) for s in (1, 2, 4, 8)]
    inside = read_levels(maps, torch.tensor([[[64.0, 64, 50, 50], [-40, 64, 50, 50], [1, 64, 4, 50]]]))
    assert inside[0].min() == 1 and inside[1].max() == 0
    assert inside[2].min() == 1  # less than a cell outside counts as the edge


def test_weights_fit_by_name_whatever_stands_before_it(tiny: PublishedInstBlink, tmp_path: Path) -> None:
    frames = torch.randint(0, 256, (4, 48, 80, 3), dtype=torch.uint8)
    found = load_instblink(written(tiny, tmp_path / "weights.npz", "module."), shape=TINY)
    with torch.no_grad():
        for ours, theirs in zip(found(frames), tiny(frames), strict=True):
            torch.testing.assert_close(ours, theirs)
    lost = "roi_head.bbox_head.1.fc_reg.bias"
    with pytest.raises(ModelError, match=f"1 arrays of InstBlink are missing, the first is {lost}"):
        load_instblink(written(tiny, tmp_path / "less.npz", without=lost), shape=TINY)
    with pytest.raises(ModelError, match="has shape"):
        load_instblink(tmp_path / "weights.npz", shape=replace(TINY, queries=6))


def test_queries_move_by_stages_and_look_at_other_frames(tiny: PublishedInstBlink) -> None:
    frames = torch.randint(0, 256, (4, 48, 80, 3), dtype=torch.uint8)
    other = frames.clone()
    other[3] = 0
    with torch.no_grad():
        (boxes, face, blink), (_, _, changed) = tiny(frames), tiny(other)
        start = tiny.rpn_head.init_proposal_bboxes.weight
    assert boxes.shape == (4, 5, 4) and face.shape == blink.shape == (4, 5)
    assert (boxes[0, :, 2:] - boxes[0, :, :2] - start[:, 2:]).abs().max() > 1e-3
    assert not torch.allclose(blink[0], changed[0], atol=1e-7)
    assert torch.equal(face[0], face[3]) and float(blink.min()) > 0 and float(blink.max()) < 1


def test_the_file_says_the_same_and_links_people(tiny: PublishedInstBlink, tmp_path: Path) -> None:
    network = BlinkNetwork(export_published(tiny, tmp_path / "published.onnx", fps=24), threads=1)
    assert (network.size, network.fps, network.threshold) == ((80, 48), 24.0, 0.3)
    frames = np.random.default_rng(0).integers(0, 256, (6, 48, 80, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = tiny(torch.from_numpy(frames))
    said = network._session.run({"frames": frames})
    for name, value in zip(("boxes", "face", "blink"), expected, strict=True):
        np.testing.assert_allclose(said[name], value.numpy(), atol=1e-4)
    assert len(network(((image, t / 24) for t, image in enumerate(frames))).time_s) == 6
