"""Geometric sequences: which pairs, what changes, rest and phases, and what the reader does with a network."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError
from nasion.expression.sequence import (
    PHASES,
    change_tensor,
    magnitude,
    pair_features,
    phases,
    preset,
    rest,
    sequence_features,
    upright,
)
from nasion.expression.sequence.features import corner_points
from nasion.expression.sequence.presets import PARTS, dense_parameters
from nasion.synth.model import HeadModel
from nasion.synth.parameters import HeadParameters
from nasion.synth.presets import expression

PX = 4.0  # px a mm: 250 px between the eyes


def played(name: str, identity: np.ndarray | None = None) -> np.ndarray:
    """(5, 478, 2) px: an expression rising on one face."""
    code = np.zeros(40, np.float32) if identity is None else identity
    heads = [HeadParameters(identity=code, expression=expression(name, s)) for s in np.linspace(0, 1, 5)]
    return np.stack([HeadModel.load().points(head)[:, :2] * PX for head in heads])


def still(points: np.ndarray) -> np.ndarray:
    return upright(points[..., preset().points, :], corner_points(points))[0]


def test_61_points_have_1456_unique_pairs_within_groups_of_muscles() -> None:
    chosen = preset("61")
    assert len(chosen.points) == len(set(chosen.points.tolist())) == 61
    assert len(chosen.pairs) == len({tuple(pair) for pair in chosen.pairs}) == 1456
    assert chosen.features == 2912
    kinds = {frozenset((PARTS[a], PARTS[b])) for a, b in chosen.part[chosen.pairs]}
    assert frozenset(("brows", "mouth")) not in kinds and frozenset(("eyes", "jaw")) not in kinds
    assert {frozenset(("eyes", "mouth")), frozenset(("nose", "jaw")), frozenset(("brows",))} <= kinds


@pytest.mark.parametrize(("name", "features"), [("122", 12_226), ("250", 53_658)])
def test_larger_sets_have_about_as_many_features_as_published(name: str, features: int) -> None:
    chosen = preset(name)
    assert len(chosen.points) == len(set(chosen.points.tolist())) == int(name)
    assert chosen.features == features


def test_the_published_layers_count_and_250_points_are_refused() -> None:
    assert dense_parameters(preset("61").features, 7) == 49_817_607
    with pytest.raises(InputError, match="881 million"):
        dense_parameters(preset("250").features, 7)
    with pytest.raises(InputError, match="62"):
        preset("62")


def test_a_still_sequence_gives_zeros_and_backwards_it_is_negated_and_reversed() -> None:
    frames = played("happy")
    tensor = sequence_features(frames, preset())
    assert tensor.shape == (4, 2912) and np.abs(tensor).max() > 0.1
    assert not sequence_features(np.repeat(frames[:1], 5, 0), preset()).any()
    np.testing.assert_array_equal(sequence_features(frames[::-1], preset()), -tensor[::-1])


def test_angles_do_not_jump_where_they_wrap_and_short_pairs_have_none() -> None:
    chosen = preset()
    points = np.zeros((2, 61, 2))
    points[:] = np.random.default_rng(0).normal(0, 1, (61, 2))
    first, second = chosen.pairs[0]
    points[:, first], points[0, second], points[1, second] = (0, 0), (0.01, 1), (-0.01, 1)  # straight down: angle pi
    raw, change = pair_features(points, chosen), change_tensor(points, chosen)
    assert abs(raw[1, 1456] - raw[0, 1456]) > 6
    assert abs(change[0, 1456]) < 0.03
    assert change_tensor(points, chosen, 2.0)[0, 1456] == 0
    assert change_tensor(points, chosen, 2.0)[0, 0] == change[0, 0]


def test_place_size_and_roll_change_nothing_and_non_faces_are_refused() -> None:
    frames = played("surprised")
    turn = 1.7 * np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    moved = sequence_features(frames @ turn.T + (40, -13), preset())
    np.testing.assert_allclose(moved, sequence_features(frames, preset()), atol=1e-4)
    with pytest.raises(InputError, match="no face"):
        sequence_features(np.zeros((5, 478, 2)), preset())
    with pytest.raises(InputError, match="two frames"):
        sequence_features(frames[:1], preset())


def test_who_it_is_hardly_shows_in_the_changes() -> None:
    rng, chosen = np.random.default_rng(3), preset()
    changed, raw = [], []
    for name in ("happy", "sad", "surprised", "afraid"):
        who = np.clip(rng.normal(0, 0.9, 40), -2.6, 2.6).astype(np.float32)
        frames = played(name)
        shifted = frames + played(name, who)[0] - frames[0]
        a, b = sequence_features(frames, chosen), sequence_features(shifted, chosen)
        changed.append(np.linalg.norm(b - a) / np.linalg.norm(a))
        fa, fb = pair_features(still(frames), chosen), pair_features(still(shifted), chosen)
        raw.append(np.linalg.norm(fb - fa) / np.linalg.norm(fa - fa[:1]))
    assert np.mean(changed) < 0.15
    assert np.mean(raw) > 1.0  # the features themselves are mostly about who it is


def clip(name: str = "happy", seconds: float = 6.0, fps: float = 25.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, (F, 61, 2) upright points, true phase: at rest, rising for 0.5 s, held, falling for 0.6 s, at rest."""
    t = np.arange(round(seconds * fps)) / fps
    share = np.clip((t - 2) / 0.5, 0, 1) * (1 - np.clip((t - 3.5) / 0.6, 0, 1))
    frames = still(played(name))
    at = share * 4
    low = np.minimum(at.astype(int), 3)
    points = frames[low] + (at - low)[:, None, None] * (frames[low + 1] - frames[low])
    points = points + np.random.default_rng(0).normal(0, 0.003, points.shape)
    truth = np.select([(t >= 2) & (t < 2.5), (t >= 2.5) & (t < 3.5), (t >= 3.5) & (t < 4.1)], [1, 2, 3], 0)
    return t, points, truth


def test_phases_follow_onset_apex_offset() -> None:
    t, points, truth = clip()
    size = magnitude(points, rest(t, points), preset())
    found = phases(t, size)
    assert (found == truth).mean() > 0.9
    order = [PHASES[p] for p, before in zip(found[1:], found[:-1], strict=True) if p != before]
    assert order == ["onset", "apex", "offset", "neutral"]
    assert not phases(t[:2], size[:2]).any()


def test_rest_is_found_in_a_clip_that_begins_in_the_middle_of_an_expression() -> None:
    t, points, truth = clip()
    start = int(np.flatnonzero(truth == 2)[0])
    found = rest(t[start:], points[start:])
    neutral, apex = points[truth == 0].mean(0), points[truth == 2].mean(0)
    off = np.linalg.norm(found[0] - neutral) / np.linalg.norm(apex - neutral)
    assert off < 0.1  # the first frame would be off by 1
    with pytest.raises(InputError, match="no frames"):
        rest(np.empty(0), np.empty((0, 61, 2)))


def test_blinks_do_not_count_as_distance_from_rest() -> None:
    model, chosen = HeadModel.load(), preset()
    open_, shut = (still(model.points(HeadParameters(expression={45: s}))[:, :2] * PX) for s in (0.0, 1.0))
    assert magnitude(shut, open_, chosen) < 1e-6 < np.abs(shut - open_).max()


def test_a_file_that_is_no_such_network_is_refused(tmp_path: Path) -> None:
    from nasion.core import ModelError
    from nasion.expression.sequence import ShownExpression

    with pytest.raises(ModelError, match="convlstm1d-expression"):
        ShownExpression("gaze")
    with pytest.raises(ModelError, match="no model file"):
        ShownExpression(tmp_path / "none.onnx")
