"""What stands behind a head: procedural, so that no picture has to ship and the same seed gives the same pixels."""

from __future__ import annotations

import cv2
import numpy as np

from nasion.core import FloatArray, InputError

BACKGROUNDS = ("plain", "gradient", "noise", "indoor", "outdoor", "shapes")


def background(name: str, size: tuple[int, int], seed: int) -> FloatArray:
    """(H, W, 3) float32 linear RGB.

    Args:
        name: one of ``BACKGROUNDS``.
        size: (width, height) px.
        seed: another seed gives other colours and shapes; the same looks alike at every size.

    Raises:
        InputError: there is no background of that name.
    """
    if name not in BACKGROUNDS:
        raise InputError(f"there is no background {name!r}; there are {', '.join(BACKGROUNDS)}, random")
    rng = np.random.default_rng(seed)
    painted = {
        "plain": lambda _: np.broadcast_to(_colour(rng), (1, 1, 3)),
        "gradient": _gradient,
        "noise": _noise,
        "indoor": _indoor,
        "outdoor": _outdoor,
        "shapes": _shapes,
    }[name](rng)
    picture = cv2.resize(np.ascontiguousarray(painted, np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.clip(np.asarray(picture, np.float32), 0, 2)


_GRID = 128  # px of the picture before it is enlarged: what is behind a portrait is out of focus


def _colour(rng: np.random.Generator, brightness: tuple[float, float] = (0.02, 0.75)) -> FloatArray:
    """A wall or cloth: mostly greyish."""
    grey = np.exp(rng.uniform(*np.log(brightness)))
    tint = np.exp(rng.normal(0, rng.choice([0.05, 0.15, 0.4]), 3))
    return np.asarray(grey * tint / tint.mean(), np.float32)


def _ramp(rng: np.random.Generator) -> FloatArray:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : _GRID * 1j, -1 : 1 : _GRID * 1j]
    along = 0.5 + 0.5 * np.clip(np.cos(angle) * x + np.sin(angle) * y, -1, 1)
    return np.asarray(along[..., None])


def _gradient(rng: np.random.Generator) -> FloatArray:
    a, b, along = _colour(rng), _colour(rng), _ramp(rng)
    y, x = np.mgrid[-1 : 1 : _GRID * 1j, -1 : 1 : _GRID * 1j]
    vignette = 1 - rng.uniform(0, 0.35) * (x * x + y * y)[..., None] / 2
    return np.asarray((a + (b - a) * along) * vignette)


def _clouds(rng: np.random.Generator, coarsest: int = 3) -> FloatArray:
    """(G, G, 1) smooth noise of several sizes, about 0..1."""
    total = np.zeros((_GRID, _GRID), np.float32)
    for octave in range(5):
        cells = coarsest * 2**octave
        grid = rng.normal(size=(cells, cells)).astype(np.float32)
        total += cv2.resize(grid, (_GRID, _GRID), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return np.asarray(0.5 + 0.28 * total[..., None])


def _noise(rng: np.random.Generator) -> FloatArray:
    a, b, c = _colour(rng), _colour(rng), _colour(rng)
    return np.asarray(np.clip(a + (b - a) * _clouds(rng) + 0.6 * (c - a) * (_clouds(rng, 6) - 0.5), 0.004, None))


def _soften(picture: FloatArray, rng: np.random.Generator, strongest: float = 4.0) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, strongest)))


def _box(picture: FloatArray, x: float, y: float, wide: float, high: float, colour: FloatArray) -> None:
    x0, y0, x1, y1 = (round(v * _GRID) for v in (x, y, x + wide, y + high))
    picture[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = colour


def _indoor(rng: np.random.Generator) -> FloatArray:
    """A wall with a window or a lamp, shelves, a door, pictures; out of focus."""
    wall = _colour(rng, (0.08, 0.7))
    picture = np.asarray(wall * (0.75 + 0.5 * _ramp(rng)), np.float32).copy()
    if rng.random() < 0.5:
        _box(picture, rng.uniform(-0.2, 0.9), -0.1, rng.uniform(0.2, 0.5), 1.2, _colour(rng, (0.03, 0.4)))  # a door
    if rng.random() < 0.5:
        x, y, wide, high = rng.uniform(-0.1, 0.8), rng.uniform(-0.1, 0.3), rng.uniform(0.2, 0.45), rng.uniform(0.3, 0.6)
        _box(picture, x - 0.02, y - 0.02, wide + 0.04, high + 0.04, _colour(rng, (0.3, 0.8)))
        _box(picture, x, y, wide, high, np.asarray(rng.uniform(0.8, 1.6) * np.array([0.95, 1.0, 1.1])))
        _box(picture, x + wide / 2 - 0.01, y, 0.02, high, _colour(rng, (0.3, 0.8)))
    if rng.random() < 0.5:
        x, top = rng.uniform(-0.1, 0.7), rng.uniform(0.1, 0.5)
        wide, depth = rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.2)
        for shelf in range(3):
            y = top + shelf * depth
            at = x
            while at < x + wide:
                book = rng.uniform(0.012, 0.035)
                tall = rng.uniform(0.5, 0.9) * depth
                _box(picture, at, y + depth - tall, book, tall, _colour(rng, (0.02, 0.5)))
                at += book
            _box(picture, x, y + depth - 0.012, wide, 0.014, _colour(rng, (0.05, 0.3)))
    for _ in range(rng.integers(0, 3)):
        x, y, wide, high = rng.uniform(0, 0.9), rng.uniform(0, 0.5), rng.uniform(0.08, 0.2), rng.uniform(0.08, 0.25)
        _box(picture, x - 0.012, y - 0.012, wide + 0.024, high + 0.024, _colour(rng, (0.02, 0.5)))
        _box(picture, x, y, wide, high, _colour(rng))
    return np.clip(_soften(picture, rng) + 0.01 * rng.normal(size=(_GRID, _GRID, 1)), 0.003, None).astype(np.float32)


def _outdoor(rng: np.random.Generator) -> FloatArray:
    """Sky above, leaves or houses below, light spots; out of focus."""
    y = np.linspace(0, 1, _GRID)[:, None, None]
    sky = np.array([0.35, 0.5, 0.8]) * rng.uniform(0.5, 1.3) * (1 - 0.5 * (1 - y)) + 0.2 * _clouds(rng)
    leaves = np.array([0.10, 0.16, 0.05]) * np.exp(rng.normal(0, 0.35, 3)) * (0.3 + 1.4 * _clouds(rng, 8))
    horizon = rng.uniform(-0.2, 0.9) + 0.25 * (_clouds(rng)[:1] - 0.5)
    picture = np.where(y < horizon, sky, leaves).astype(np.float32)
    for _ in range(rng.integers(0, 4)):
        wide, high = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.6)
        _box(picture, rng.uniform(-0.1, 1), float(horizon.mean()) - high, wide, high + 0.1, _colour(rng, (0.04, 0.5)))
    for _ in range(rng.integers(0, 12)):
        centre = tuple(int(v) for v in rng.integers(0, _GRID, 2))
        glow = tuple(float(v) for v in rng.uniform(0.3, 1.2) * np.exp(rng.normal(0, 0.2, 3)))
        cv2.circle(picture, centre, int(rng.integers(2, 7)), glow, -1)
    return np.clip(_soften(picture, rng), 0.003, None)


def _shapes(rng: np.random.Generator) -> FloatArray:
    """A clutter of round and square things of all colours."""
    picture = np.asarray(_gradient(rng), np.float32).copy()
    for _ in range(rng.integers(5, 25)):
        colour = tuple(float(v) for v in _colour(rng))
        centre = tuple(int(v) for v in rng.integers(0, _GRID, 2))
        axes = tuple(int(v) for v in rng.integers(2, 36, 2))
        if rng.random() < 0.5:
            cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            corners = cv2.boxPoints((centre, (2 * axes[0], 2 * axes[1]), float(rng.uniform(0, 180))))
            cv2.fillConvexPoly(picture, np.rint(corners).astype(np.int32), colour)
    return _soften(picture, rng, 2.5)
