"""Training of the expression network: its sizes, its sequences, and that a little of it names what strangers show."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError
from nasion.expression.sequence import LIMITS, ShownExpression, preset, shown_spans
from nasion.expression.sequence.reader import ShownTrack
from nasion.train.convlstm_expression import ConvLSTMExpression, export, held_subjects, probabilities
from nasion.train.expression_folders import flat, read_sequences
from nasion.train.expression_takes import CLASSES, EMOTIONS, Takes, features, projected, scenes, solid, takes


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")


@pytest.fixture(scope="module")
def learn() -> Takes:
    return solid(takes(0, 14, classes=EMOTIONS), preset())


@pytest.fixture(scope="module")
def held() -> Takes:
    return solid(takes(99, 8, classes=EMOTIONS), preset())


def cells(filters: int = 8) -> int:
    return 4 * filters * (1 + filters + 1)


def test_the_published_net_has_its_49_817_607_numbers_and_the_cell(torch) -> None:
    from nasion.train.convlstm_expression_net import ExpressionNet

    with torch.device("meta"):
        net = ExpressionNet(np.zeros(2912), np.ones(2912), 7)
    assert sum(p.numel() for p in net.head.parameters()) == 49_817_607
    assert sum(p.numel() for p in net.parameters()) == 49_817_607 + cells()
    with pytest.raises(InputError, match="million"):
        ExpressionNet(np.zeros(53_658), np.ones(53_658), 7)


def test_the_cell_is_the_one_of_the_paper(torch) -> None:
    from nasion.train.convlstm_expression_net import Cell

    cell, x = Cell(), torch.randn(2, 3, 5)
    weight, bias = (p.detach().numpy() for p in cell.gates.parameters())

    def sigma(v: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-v))

    h = c = np.zeros((2, 5, 8))
    for t in range(3):
        gates = np.concatenate([x[:, t].numpy()[..., None], h], -1) @ weight.T + bias
        i, f, o, g = np.split(gates, 4, -1)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(c)
    np.testing.assert_allclose(cell(x).detach().numpy(), h, atol=1e-5)


def test_takes_begin_neutral_and_the_same_person_comes_again(learn: Takes) -> None:
    assert learn.solid.shape == (98, 5, 65, 3)
    again = solid(takes(0, 1, classes=EMOTIONS, first=3), preset())
    np.testing.assert_array_equal(again.solid, learn.solid[learn.subject == 3])
    played = list(takes(5, 2))
    assert [take.label for take in played[:8]] == list(range(8)) and CLASSES[7] == "neutral"
    first = next(scene for take in played[:2] for scene in scenes(take, 5))
    assert max(max(first.head.sides(unit)) for unit in (12, 26)) <= 0.2  # a habit at most


def test_a_little_training_names_the_expressions_of_strangers(torch, learn: Takes, held: Takes, tmp_path: Path) -> None:
    from nasion.train import fit

    recipe = ConvLSTMExpression(directions=48)
    net = fit(recipe, recipe.take(learn, EMOTIONS), steps=70, seed=0).model
    assert sum(value.numel() for value in net.state_dict().values()) < 2_000_000
    rng = np.random.default_rng(1)
    px = projected(held, rng)
    px = px + rng.normal(0, 0.3, px.shape)
    steps = features(px, preset())
    found = probabilities(net, steps)
    right = found.argmax(1) == held.label
    assert right.mean() > 0.75  # chance is 0.14

    shuffled = probabilities(net, steps[:, :, np.random.default_rng(0).permutation(2912)])
    assert (shuffled.argmax(1) == held.label).mean() < 0.4

    reader = ShownExpression(export(net, tmp_path / "expression.onnx", recipe))
    assert reader.classes == EMOTIONS and reader.preset is preset("61")
    np.testing.assert_allclose(reader.session.run({"changes": steps})["probabilities"], found, atol=1e-5)
    watch(reader)


def watch(reader: ShownExpression) -> None:
    """The reader follows a smile through a clip, and says nothing of a head that turned away."""
    from nasion.synth.model import HeadModel
    from nasion.synth.parameters import HeadParameters
    from nasion.synth.presets import expression

    t = np.arange(100) / 20
    share = np.clip((t - 1.5) / 0.6, 0, 1) * (1 - np.clip((t - 3) / 0.6, 0, 1))
    model = HeadModel.load()
    points = np.stack(
        [model.points(HeadParameters(expression=expression("happy", float(s))))[:, :2] * 2 for s in share]
    )
    track = reader(t, points)
    assert track.probabilities.shape == (len(track.time_s), 7)
    np.testing.assert_allclose(track.probabilities.sum(1), 1, atol=1e-5)
    spans = shown_spans(track)
    assert [span.label for span in spans] == ["happy"]
    assert abs(spans[0].start_s - 1.6) < 0.3 and abs(spans[0].end_s - 3.5) < 0.35 and 2 < spans[0].apex_s < 3.2
    away = np.zeros((100, 2))
    away[28:75, 0] = 40
    assert not shown_spans(reader(t, points, away))
    keys = reader.sequences(points[None, [0, 33, 36, 39, 50]])
    assert reader.classes[int(keys.argmax())] == "happy"
    with pytest.raises(InputError, match="sequences are"):
        reader.sequences(points[:5])


class OnePoint:
    """Stands in for the Analyzer: a face whose mouth opens with the picture's brightness."""

    def __call__(self, image: np.ndarray) -> list[object]:
        from nasion.core import Box, Face, Landmarks, scheme
        from nasion.synth.model import HeadModel
        from nasion.synth.parameters import HeadParameters

        if not image.any():
            return []
        points = HeadModel.load().points(HeadParameters(jaw=float(image.mean()) / 10)).astype(np.float32)
        return [Face(Box(0, 0, 9, 9), 1.0, Landmarks.from_points(points, scheme("dense478")))]


def test_own_sequences_are_read_from_folders(tmp_path: Path) -> None:
    from PIL import Image

    for name, top in (("open", 200), ("still", 10)):
        for person in ("S1", "S2"):
            folder = tmp_path / name / f"{person}_001"
            folder.mkdir(parents=True)
            for k in range(7):
                Image.new("L", (32, 32), 10 + (top - 10) * k // 6).save(folder / f"{k:02d}.png")
    (tmp_path / "open" / "S3_001").mkdir()
    Image.new("L", (32, 32), 0).save(tmp_path / "open" / "S3_001" / "0.png")
    found, classes, skipped = read_sequences(tmp_path, preset(), OnePoint())  # type: ignore[arg-type]
    assert (
        classes == ("open", "still") and found.label.tolist() == [0, 0, 1, 1] and found.subject.tolist() == [0, 1, 0, 1]
    )
    assert len(skipped) == 1 and "S3_001" in skipped[0] and "two pictures" in skipped[0]
    moved = np.abs(features(projected(found, np.random.default_rng(0)), preset())).sum((1, 2))
    assert (moved[:2] > 20 * moved[2:] + 1).all()
    with pytest.raises(InputError, match="one folder a class"):
        read_sequences(tmp_path / "open" / "S1_001", preset())


def test_flat_points_project_to_themselves() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 40, (1, 5, 478, 2))
    points[..., 33, :], points[..., 133, :], points[..., 263, :], points[..., 362, :] = (
        (-50, 0),
        (-20, 0),
        (50, 0),
        (20, 0),
    )
    kept = Takes(flat(points, preset()), np.zeros((1, 5, 3)), np.zeros(1, int), np.zeros(1, int))
    np.testing.assert_allclose(projected(kept, rng, eyes_px=70.0)[0, :, :61], points[0][:, preset().points], atol=1e-3)


def test_whole_people_are_held_out() -> None:
    subject = np.repeat(np.arange(10), 7)
    held = held_subjects(subject, 0)
    assert len(held) == 2 and held_subjects(subject, 0).tolist() == held.tolist()
    assert len(held_subjects(subject[:7], 0)) == 1


def test_what_is_not_to_be_believed_is_not_listed() -> None:
    t = np.arange(10) / 10
    share = np.tile([0.1, 0.8, 0.1], (10, 1))
    track = ShownTrack(
        t, ("happy", "sad", "neutral"), share, np.ones(10), np.array([0, 1, 1, 2, 2, 2, 3, 3, 0, 0]), np.ones(10)
    )
    assert [(s.label, s.start_s, s.end_s) for s in shown_spans(track)] == [("sad", 0.1, 0.7)]
    import dataclasses

    for change in ({"reliability": np.full(10, 0.3)}, {"probabilities": share[:, ::-1] * 0 + [0, 0, 1]}):
        assert not shown_spans(dataclasses.replace(track, **change))
    assert "not felt" in LIMITS[0]
