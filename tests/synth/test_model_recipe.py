"""The recipe behind the head: its mesh is ours, whole and symmetric, and its privacy measures find a planted person."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "training").is_dir():
    pytest.skip("recipes are not part of the installed package", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from training.synth import topology  # noqa: E402
from training.synth.privacy import membership, participation, rebuilt_better, resemblance  # noqa: E402
from training.synth.shape import shut  # noqa: E402

from nasion.core import scheme  # noqa: E402


def test_mesh_is_one_surface_with_three_holes_and_a_rim() -> None:
    mesh = topology.build()
    t = np.sort(mesh.triangles, axis=1)
    edges = np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [0, 2]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    used = np.unique(t)
    assert len(used) - len(unique) + len(t) == 1 - 3  # Euler: a disc with three holes
    assert (count == 1).sum() == 2 * (36 + 20 + 16 + 16)
    mirrored = {tuple(sorted(row)) for row in mesh.mirror[mesh.triangles].tolist()}
    assert mirrored == {tuple(row) for row in t.tolist()}


def test_refined_vertices_follow_every_affine_change() -> None:
    mesh = topology.build()
    assert np.asarray(mesh.weights.sum(axis=1)).ravel() == pytest.approx(1.0)
    face = scheme("dense478").template[:468].astype(float)
    fine = mesh.weights @ face
    assert fine[:468] == pytest.approx(face)
    halfway = face[mesh.edges].mean(1)
    assert np.linalg.norm(fine - halfway, axis=1).max() < 4  # a curved surface, but no overshoot


def test_shutting_the_lips_is_done_once() -> None:
    face = scheme("dense478").template[:468].astype(float)
    once = shut(face)
    assert np.linalg.norm(once[13] - once[14]) < 1e-9
    assert shut(once) == pytest.approx(once)


def test_participation_finds_the_one_who_carries_a_component() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(1000, 5))
    assert participation(codes) < 0.03
    codes[7, 3] = 40
    assert participation(codes) > 0.5


def test_membership_tells_learned_by_heart_from_learned() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(600, 6)) @ rng.normal(size=(6, 80)) + 0.1 * rng.normal(size=(600, 80))
    error, guess = membership(plain, 6, rng)
    assert error > 0.9 and guess < 0.6
    error, guess = membership(rng.normal(size=(60, 400)), 29, rng)  # as many components as people
    assert error < 0.3 and guess > 0.95


def test_given_components_are_told_from_ones_learned_by_heart() -> None:
    rng = np.random.default_rng(1)
    people, strangers = rng.normal(size=(40, 300)), rng.normal(size=(40, 300))
    error, guess = rebuilt_better(rng.normal(size=(6, 300)), people, strangers)
    assert error == pytest.approx(1, abs=0.02)
    assert 0.3 < guess < 0.7
    by_heart = people[:30]  # components that are people
    error, guess = rebuilt_better(by_heart, people, strangers)
    assert error < 0.4
    assert guess > 0.7
    assert resemblance(by_heart, people).max() == pytest.approx(1)
    assert resemblance(by_heart, strangers).max() < 0.5
