"""The binary-state network: attention on the face's graph, alignment, the gate, whole people, and the opt-in."""

import numpy as np
import pytest

from nasion.clinic.binary_state import FLAG, NOTICE, StateReader, aligned, face_crop, neighbours, nodes
from nasion.clinic.binary_state.graph import template
from nasion.core import InputError, ModelError
from nasion.pipeline.state_shots import cut


def test_the_graph_is_symmetric_connected_and_sparse() -> None:
    graph = neighbours()
    assert graph.shape == (68, 68) and (graph == graph.T).all() and graph.diagonal().all()
    assert graph.mean() < 0.15
    assert graph[36, 37] and graph[48, 60] and not graph[0, 16]
    reached = np.linalg.matrix_power(graph.astype(float), 20) > 0
    assert reached.all()


def test_where_how_large_and_how_turned_a_head_is_says_nothing() -> None:
    rng, t = np.random.default_rng(0), np.arange(16) / 10
    shape = template() + rng.normal(0, 0.05, (16, 68, 2))
    angle = rng.uniform(-1, 1, 16)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], -2)
    moved = rng.uniform(20, 90, (16, 1, 1)) * (shape @ turn.transpose(0, 2, 1)) + rng.uniform(0, 500, (16, 1, 2))
    np.testing.assert_allclose(nodes(moved, t), nodes(shape, t), atol=1e-4)
    still = np.repeat(shape[:1], 16, 0)
    assert np.abs(nodes(still, t)[..., 4:]).max() < 1e-6
    assert np.abs(aligned(still)[0] - template()).max() < 0.3
    with pytest.raises(InputError, match="no face"):
        aligned(np.zeros((68, 2)))
    with pytest.raises(InputError, match="times"):
        nodes(still, t[:5])


def test_shots_end_where_the_face_is_lost() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[60:140, 60:140] = 200
    points = template() * 30 + 100
    crop = face_crop(image, points)
    assert crop.shape == (32, 32, 3) and crop[16, 16].tolist() == [200] * 3
    times = np.concatenate([np.arange(0, 2, 0.04), np.arange(5, 8.4, 0.04)])
    shots = cut([(float(t), points, crop) for t in times])
    assert [round(shot.start_s, 1) for shot in shots] == [0.0, 5.0, 6.6]
    assert shots[0].nodes.shape == (16, 68, 6) and shots[0].crops.shape == (16, 32, 32, 3)


def test_nothing_is_read_without_the_opt_in_and_no_model_ships() -> None:
    with pytest.raises(InputError, match="NOT FOR ENFORCEMENT"):
        StateReader("state.onnx")
    with pytest.raises(ModelError, match="no model file"):
        StateReader("state.onnx", research_only=True)
    from nasion.models.catalogue import catalogue

    assert not any("intoxication" in card.source for card in catalogue().values())
    assert FLAG == "--i-understand-research-only" and "blood alcohol" in NOTICE
