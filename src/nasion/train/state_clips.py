"""Clips with a state, for research on fusing landmarks and pixels: synthetic ones, whose cue lies where we put it.

The cue is *slowed, uneven facial dynamics*: longer blinks, lids that droop, more on one side, smiles that come slowly.
It stands for no condition of anybody. Everybody has a little of each, by habit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from nasion.clinic.binary_state import CROP, FPS, FRAMES, nodes
from nasion.clinic.binary_state.graph import template
from nasion.clinic.binary_state.shots import FILL
from nasion.core import BoolArray, FloatArray, ImageArray, IntArray
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.core.geometry.similarity import umeyama
from nasion.core.schemes.dense478 import FACE_OVAL, GROUPS, INNER_LIPS, OUTER_LIPS
from nasion.core.schemes.maps import dense478_to_ibug68
from nasion.synth.model import HeadModel
from nasion.synth.parameters import N_IDENTITY, HeadParameters

SHOTS = 2
Cue = Literal["both", "landmarks", "pixels", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """Clips of shots.

    Attributes:
        nodes: (N, S, 16, 68, 6) float32.
        crops: (N, S, 16, 32, 32, 3) uint8.
        have: (N, S) bool, whether the shot is there; every clip has one.
        label: (N,) 1 for the state.
        subject: (N,) whose.
        group: (N,) names of groups, empty where unknown.
    """

    nodes: FloatArray
    crops: ImageArray
    have: BoolArray
    label: IntArray
    subject: IntArray
    group: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)

    def part(self, rows: IntArray) -> Clips:
        """Some of the clips."""
        rows = np.arange(len(self))[rows]
        return Clips(
            self.nodes[rows], self.crops[rows], self.have[rows], self.label[rows], self.subject[rows],
            tuple(self.group[i] for i in rows),
        )  # fmt: skip

    def relabelled(self, label: IntArray) -> Clips:
        """The same clips with other labels."""
        return replace(self, label=np.asarray(label))


def performance(rng: np.random.Generator, identity: FloatArray, slowed: bool) -> FloatArray:
    """(S, 16, 478, 3) float32 mm, camera turned: what one face does in two shots of 1.6 s."""
    model = HeadModel.load()
    found = []
    for _ in range(SHOTS):
        t = np.arange(FRAMES) / FPS
        droop = rng.uniform(0.25, 0.55) if slowed else rng.uniform(0, 0.2)
        uneven = rng.uniform(0.05, 0.3) if slowed else rng.uniform(0, 0.1)
        closing, closed, opening = (0.17, 0.13, 0.35) if slowed else (0.1, 0.05, 0.2)
        begin = rng.uniform(-0.2, 1.3)
        lids = np.full((FRAMES, 2), droop) + uneven * np.array([1.0, 0.0])[rng.permutation(2)]
        blink = np.clip((t - begin) / closing, 0, 1) * (1 - np.clip((t - begin - closing - closed) / opening, 0, 1))
        lids = np.maximum(lids, blink[:, None])
        rise = rng.uniform(0.7, 1.5) if slowed else rng.uniform(0.3, 0.8)
        smile = np.clip((t - rng.uniform(0, 0.8)) / rise, 0, 1)
        smile = rng.uniform(0.3, 0.9) * smile * smile * (3 - 2 * smile)
        sides = np.array([1.0, rng.uniform(0.5, 0.9) if slowed else rng.uniform(0.85, 1)])[rng.permutation(2)]
        sway = (2.5 if slowed else 1.2) * np.sin(2 * np.pi * (t[:, None] * rng.uniform(0.2, 0.5, 3) + rng.random(3)))
        turn = rng.normal(0, (8, 5, 4)) + sway
        frames = []
        for k in range(FRAMES):
            both = (float(smile[k] * sides[0]), float(smile[k] * sides[1]))
            units = {45: (float(lids[k, 0]), float(lids[k, 1])), 12: both, 6: both}
            points = model.points(HeadParameters(identity=identity, expression=units, hair="bald"))
            frames.append(points @ angles_to_rotation(*turn[k]).T)
        found.append(frames)
    return np.asarray(found, np.float32)


def drawn(points: FloatArray, rng: np.random.Generator) -> ImageArray:
    """(S, 16, 32, 32, 3) crops of (S, 16, 478, 3) performances, painted flat: skin, brows, lids, irises, lips, mouth.

    Flat paint is enough for a cue of lids and lips at this size, and a thousand times as fast as rendering.
    """
    skin = np.array([rng.uniform(70, 235), 0, 0])
    skin[1:] = skin[0] * rng.uniform((0.68, 0.5), (0.85, 0.75))
    lips, hair, iris = skin * (0.9, 0.55, 0.6), rng.uniform(10, 110, 3), rng.uniform(20, 110, 3)
    wall = rng.uniform(0, 255, 3)
    light = 1 + rng.uniform(-0.25, 0.25) * np.linspace(-1, 1, 2 * CROP)[None, :, None]
    to_ibug, goal = dense478_to_ibug68(), template() * FILL * CROP + (CROP - 1) / 2
    out = np.empty((*points.shape[:2], CROP, CROP, 3), np.uint8)
    for s, frames in enumerate(points):
        for k, solid in enumerate(frames):
            flat = solid[:, :2].astype(np.float64)
            matrix = umeyama(to_ibug @ flat, goal + rng.normal(0, 0.25, 2))
            at = np.rint(16 * (2 * (flat @ matrix[:2, :2].T + matrix[:2, 2]) + 0.5)).astype(np.int32)
            canvas = np.empty((2 * CROP, 2 * CROP, 3), np.uint8)
            canvas[:] = wall
            _fill(canvas, at, FACE_OVAL, skin)
            for side in ("left", "right"):
                _fill(canvas, at, GROUPS[f"{side}_brow"], hair)
                _fill(canvas, at, GROUPS[f"{side}_eye"], np.array([235, 235, 230]))
                white = np.zeros(canvas.shape[:2], np.uint8)
                cv2.fillPoly(white, [at[list(GROUPS[f"{side}_eye"])]], 1, shift=4)
                seen = np.zeros_like(white)
                cv2.fillPoly(seen, [at[list(GROUPS[f"{side}_iris"][1:])]], 1, shift=4)
                canvas[(white & seen).astype(bool)] = iris
            _fill(canvas, at, OUTER_LIPS, lips)
            _fill(canvas, at, INNER_LIPS, np.array([60, 20, 20]))
            lit = canvas * light + rng.normal(0, 4, canvas.shape)
            out[s, k] = cv2.resize(np.clip(lit, 0, 255).astype(np.uint8), (CROP, CROP), interpolation=cv2.INTER_AREA)
    return out


def _fill(canvas: ImageArray, at: FloatArray, ring: tuple[int, ...], colour: FloatArray) -> None:
    cv2.fillPoly(canvas, [at[list(ring)]], colour.tolist(), shift=4)


def synthetic(seed: int, people: int, each: int = 3, first: int = 0) -> dict[Cue, Clips]:
    """Clips of people who do not exist, with the cue in both, in one, or in none; half of them with the state.

    In a set with the cue in the landmarks the crops show another performance of the same person, without the state, and
    the other way round.

    Args:
        seed: of everything.
        people: how many; the same number is the same person.
        each: clips a person and label.
        first: number of the first person.
    """
    made: dict[Cue, list[tuple[FloatArray, ImageArray, int, int]]] = {
        "both": [],
        "landmarks": [],
        "pixels": [],
        "none": [],
    }
    for subject in range(first, first + people):
        rng = np.random.default_rng((seed, subject))
        identity = np.clip(rng.normal(0, 0.9, N_IDENTITY), -2.6, 2.6).astype(np.float32)
        paint = int(rng.integers(1 << 31))
        for _ in range(each):
            slow, calm, other = (performance(rng, identity, slowed) for slowed in (True, False, False))
            graph = {id(p): _nodes(p, rng) for p in (slow, calm, other)}
            crops = {id(p): drawn(p, np.random.default_rng(paint)) for p in (slow, calm, other)}
            for label, shown in ((1, slow), (0, calm)):
                made["both"].append((graph[id(shown)], crops[id(shown)], label, subject))
                made["landmarks"].append((graph[id(shown)], crops[id(other)], label, subject))
                made["pixels"].append((graph[id(other)], crops[id(shown)], label, subject))
            made["none"] += [(graph[id(p)], crops[id(p)], 0, subject) for p in (calm, other)]
    return {cue: _clips(rows) for cue, rows in made.items()}


def _nodes(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(S, 16, 68, 6) with 0.3 px of noise at 80 px between the eyes."""
    flat = dense478_to_ibug68() @ points[..., :2]
    flat = flat + rng.normal(0, 0.3 * 63 / 80, flat.shape)
    return nodes(flat, np.arange(FRAMES) / FPS)


def _clips(rows: list[tuple[FloatArray, ImageArray, int, int]]) -> Clips:
    graph, crops, label, subject = zip(*rows, strict=True)
    count = len(rows)
    return Clips(
        np.stack(graph),
        np.stack(crops),
        np.ones((count, SHOTS), bool),
        np.array(label),
        np.array(subject),
        ("",) * count,
    )
