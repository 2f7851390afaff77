"""How much of an event surface is kept from one window to the next: everywhere alike, or by what happens nearby.

Source: Kielty, Hanley and Corcoran, "Locally Adaptive Decay Surfaces for High-Speed Face and Landmark Detection with
Event Cameras", arXiv 2602.23101. Patches at the right and lower edge that the picture cuts off are scored by the part
that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np

from nasion.core import FloatArray, InputError, IntArray

TAU = 0.2  # s
LOG_SIGMA = 0.25  # px, of the 3 x 3 Laplacian of Gaussian
LOW_RADIUS = 0.05  # of the largest radius in a patch's spectrum: what lies within counts as low frequencies


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The events of one window, as decays look at them.

    Attributes:
        voxel: (H, W) float32, sum of the polarities of each pixel's events.
        x, y: (N,) int64 px, column and row of each event.
        seconds: how long the window is, above 0.
    """

    voxel: FloatArray
    x: IntArray
    y: IntArray
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a decay says about a window.

    Attributes:
        factor: (H, W) float32 0..1 or one number: what share of the surface is kept.
        scores: (h, w) of each patch, in the decay's own unit; None of a decay without patches.
    """

    factor: FloatArray | float
    scores: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Nothing is kept: each surface shows its own window only."""

    def __call__(self, window: Window) -> Kept:
        """0 everywhere."""
        return Kept(0.0)


@dataclass(frozen=True, slots=True)
class TimeSurface:
    """Everything fades alike, exp(-dt / tau): the leaky integrator, or exponential time surface.

    Attributes:
        tau: s until 37 % are left.
    """

    tau: float = TAU

    def __post_init__(self) -> None:
        _positive("tau", self.tau)

    def __call__(self, window: Window) -> Kept:
        """One number for all pixels."""
        return Kept(float(np.exp(-window.seconds / self.tau)))


@dataclass(frozen=True, slots=True)
class EventRate:
    """A patch forgets the faster the more events it has, whatever their polarity; without events it keeps all.

    Attributes:
        patch: side of a patch, px.
        reference: events per pixel and second at which a patch fades as a time surface of ``tau`` does.
        tau: s.
        least: share that every surface loses at least in a window, 0..1.
    """

    patch: int = 80
    reference: float = 0.5
    tau: float = TAU
    least: float = 0.0

    def __post_init__(self) -> None:
        _check_patch(self.patch, self.least)
        _positive("reference", self.reference)
        _positive("tau", self.tau)

    def __call__(self, window: Window) -> Kept:
        """exp(-dt rate / (reference tau)) of each patch, between patches blended."""
        height, width = window.voxel.shape
        rows, columns = _grid(window.voxel.shape, self.patch)
        patch = (window.y // self.patch) * columns + window.x // self.patch
        count = np.bincount(patch, minlength=rows * columns).reshape(rows, columns)
        score = count / window.seconds / (self.reference * _areas(height, width, self.patch))
        return Kept(_spread(np.exp(-window.seconds * score / self.tau), window.voxel.shape, self), score)


@dataclass(frozen=True, slots=True)
class Laplacian:
    """A patch forgets the faster the more fine structure its events have: the mean of |Laplacian of Gaussian|.

    Attributes:
        patch: side of a patch, px.
        slope, middle: the kept share falls along a logistic curve: 1 at score 0, about half at ``middle``.
        least: as for ``EventRate``.
    """

    patch: int = 80
    slope: float = 0.5
    middle: float = 5.0
    least: float = 0.0

    def __post_init__(self) -> None:
        _check_patch(self.patch, self.least)
        _positive("slope", self.slope)
        _positive("middle", self.middle)

    def kept(self, score: FloatArray) -> FloatArray:
        """(1 + e^-ab) / (1 + e^a(score - b)): the share that scores leave."""
        top = 1 + np.exp(-self.slope * self.middle)
        return np.asarray(top / (1 + np.exp(np.minimum(self.slope * (score - self.middle), 80.0))))

    def __call__(self, window: Window) -> Kept:
        """The curve of each patch's score, between patches blended."""
        height, width = window.voxel.shape
        edges = np.abs(cv2.filter2D(window.voxel, cv2.CV_32F, log_kernel(), borderType=cv2.BORDER_REPLICATE))
        score = _patch_sums(edges, self.patch) / _areas(height, width, self.patch)
        return Kept(_spread(self.kept(score), window.voxel.shape, self), score)


@dataclass(frozen=True, slots=True)
class Spectral:
    """A patch keeps the share of its events' energy that is of high frequency: 1 of noise and silence, less of blobs.

    Attributes:
        patch: side of a patch, px; even where patches may be split.
        split: a patch whose share is below this is looked at in quarters, and these in quarters again; 0 never splits.
        smallest: px, no quarter is smaller.
        least: as for ``EventRate``.
    """

    patch: int = 80
    split: float = 0.0
    smallest: int = 40
    least: float = 0.0

    def __post_init__(self) -> None:
        _check_patch(self.patch, self.least)
        if not 0 <= self.split <= 1:
            raise InputError(f"patches are split below a share of 0..1, got {self.split}")
        if self.smallest < 1:
            raise InputError(f"the smallest quarter must be 1 px or more, got {self.smallest}")
        if self.split and self.patch >= 2 * self.smallest and self.patch % (self.patch // self._finest):
            raise InputError(
                f"patches of {self.patch} px cannot be halved down to {self.smallest} px: take a power of two times it"
            )

    @property
    def _finest(self) -> int:
        """Side of the smallest quarter in use, px."""
        side = self.patch
        while self.split and side // 2 >= self.smallest:
            side //= 2
        return side

    def __call__(self, window: Window) -> Kept:
        """The share of high frequencies of each patch, between patches blended."""
        side = self.patch
        share = _high_share(window.voxel, side)
        while side > self._finest:
            side //= 2
            coarse = np.repeat(np.repeat(share, 2, axis=0), 2, axis=1)
            fine = _high_share(window.voxel, side)
            coarse = coarse[: fine.shape[0], : fine.shape[1]]
            # a quarter is only looked at where its parent, whatever it got from above, was below the threshold
            share = np.where(coarse < self.split, fine, coarse)
        return Kept(_spread(share, window.voxel.shape, self, side), share)


Decay = Callable[[Window], Kept]


@dataclass(frozen=True, slots=True)
class Kind:
    """A decay by name.

    Attributes:
        make: patch side in px to the decay; those without patches ignore it.
        line: what it is, one line.
        adaptive: whether still and moving parts fade differently.
    """

    make: Callable[[int], Decay]
    line: str
    adaptive: bool = field(default=True)


KINDS: dict[str, Kind] = {
    "histogram": Kind(lambda _: Histogram(), "the events of each window alone", adaptive=False),
    "time": Kind(lambda _: TimeSurface(), "everything fades alike, tau 0.2 s", adaptive=False),
    "er": Kind(EventRate, "patches fade by their event rate"),
    "log": Kind(Laplacian, "patches fade by their fine structure"),
    "fft": Kind(Spectral, "patches keep their share of high frequencies"),
}
"""What users type to a decay."""


def decay(kind: str, patch: int) -> Decay:
    """The decay called ``kind`` with patches of ``patch`` px.

    Raises:
        InputError: there is none, or no patch of that size.
    """
    if kind not in KINDS:
        raise InputError(f"there is no surface {kind!r}; there are {', '.join(KINDS)}")
    return KINDS[kind].make(patch)


def usual_patch(size: tuple[int, int]) -> int:
    """Side of a patch for a sensor of (width, height) px: a ninth of the shorter side, as 80 px are of 720."""
    return max(8, round(min(size) / 9))


@cache
def log_kernel() -> FloatArray:
    """(3, 3) float32: the Laplacian of Gaussian at ``LOG_SIGMA``, its sum brought to 0."""
    near = np.arange(-1, 2) ** 2
    ratio = (near[:, None] + near) / (2 * LOG_SIGMA**2)
    kernel = -(1 - ratio) * np.exp(-ratio) / (np.pi * LOG_SIGMA**4)
    return np.asarray(kernel - kernel.mean(), np.float32)


def _high_share(voxel: FloatArray, side: int) -> FloatArray:
    """(h, w) energy of high frequencies over all energy in each patch; 1 where nothing happened."""
    rows, columns = _grid(voxel.shape, side)
    padded = np.zeros((rows * side, columns * side), np.float32)
    padded[: voxel.shape[0], : voxel.shape[1]] = voxel
    patches = padded.reshape(rows, side, columns, side).swapaxes(1, 2)
    energy = np.abs(np.fft.fft2(patches)) ** 2
    total = energy.sum((2, 3))
    low = (energy * _low(side)).sum((2, 3))
    return np.where(total > 0, 1 - low / np.where(total > 0, total, 1), 1.0)


@cache
def _low(side: int) -> FloatArray:
    """(side, side) 1 where a patch's spectrum lies within ``LOW_RADIUS`` of its largest radius."""
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency)
    return np.asarray((radius <= LOW_RADIUS * radius.max()).astype(np.float64))


def _patch_sums(values: FloatArray, side: int) -> FloatArray:
    """(h, w) sums over patches."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], side), axis=0)
    return np.asarray(np.add.reduceat(rows, np.arange(0, values.shape[1], side), axis=1), np.float64)


@cache
def _areas(height: int, width: int, side: int) -> FloatArray:
    """(h, w) px of each patch that lie on the sensor."""
    tall = np.diff(np.append(np.arange(0, height, side), height))
    wide = np.diff(np.append(np.arange(0, width, side), width))
    return np.asarray(tall[:, None] * wide, np.float64)


def _grid(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    return -(-shape[0] // side), -(-shape[1] // side)


def _spread(
    kept: FloatArray, shape: tuple[int, ...], patched: EventRate | Laplacian | Spectral, side: int = 0
) -> FloatArray:
    """(H, W) float32: patches' values at their centres, bilinear between, held beyond the outermost centres."""
    side = side or patched.patch
    rows, columns = kept.shape
    whole = cv2.resize(np.asarray(kept, np.float32), (columns * side, rows * side), interpolation=cv2.INTER_LINEAR)
    return np.clip(whole[: shape[0], : shape[1]], 0, 1 - patched.least)


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"{name} of a decay must be above 0, got {value}")


def _check_patch(patch: int, least: float) -> None:
    if patch < 1:
        raise InputError(f"a patch must be 1 px or more, got {patch}")
    if not 0 <= least <= 1:
        raise InputError(f"the least decay must be 0..1, got {least}")
