"""Points on a face, each with how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.box import Box
from nasion.core.errors import InputError, SchemeError
from nasion.core.regions import Regions, embedded_regions
from nasion.core.scheme import Scheme
from nasion.core.schemes import SCHEMES


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The points of one face in one scheme.

    Attributes:
        points: (N, 2) or (N, 3) float32 px, x right, y down, pixel centres at integers; z in the same unit, growing
            away from the camera, with its zero at the head's centre plane.
        visibility: (N,) float32, probability 0..1 that the point can be seen.
        sigma: (N,) float32 px, standard deviation of the point's error per axis: 68 % of true points lie within
            1.515 sigma and 95 % within 2.448 sigma.
        scheme: names, groups and contours of the points.
        views: the same face in other schemes as the model itself placed them; ``to`` prefers these to a conversion.
    """

    points: FloatArray
    visibility: FloatArray
    sigma: FloatArray
    scheme: Scheme
    views: Mapping[str, Landmarks] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        n = len(self.scheme)
        if self.points.shape not in ((n, 2), (n, 3)):
            raise InputError(f"scheme {self.scheme.name!r} has {n} points; got an array of shape {self.points.shape}")
        if self.visibility.shape != (n,) or self.sigma.shape != (n,):
            raise InputError(
                f"visibility and sigma need shape ({n},), got {self.visibility.shape} and {self.sigma.shape}"
            )

    @classmethod
    def from_points(cls, points: FloatArray, scheme: Scheme, sigma: float = 0.0) -> Landmarks:
        """Landmarks that are taken as given, such as human labels: all visible, one ``sigma`` (px) for all."""
        points = np.asarray(points, np.float32)
        return cls(points, np.ones(len(points), np.float32), np.full(len(points), sigma, np.float32), scheme)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, group: str) -> Landmarks:
        """The points of one group (``lm["left_eye"]``), in the group's order; left is the subject's left."""
        index = self.scheme.index(group)
        return Landmarks(self.points[index], self.visibility[index], self.sigma[index], self.scheme.part(group))

    @property
    def box(self) -> Box:
        """The smallest box around the points, px."""
        return Box.around(self.points)

    def to(self, scheme: str) -> Landmarks:
        """The same face in another scheme.

        Taken from ``views`` when the model placed that scheme itself, else converted; see ``nasion.core.convert`` for
        which conversions exist and the measured error of each.

        Raises:
            SchemeError: no conversion leads there.
        """
        if scheme == self.scheme.name:
            return self
        if scheme in self.views:
            return self.views[scheme]
        from nasion.core.convert import convert

        return convert(self, scheme)

    def region(self, alpha: float, using: Regions | None = None) -> FloatArray:
        """How large a circle holds each true point with probability 1 - ``alpha``, whatever law the errors follow.

        Args:
            alpha: the share of misses allowed for each point; for all of m points at once, give alpha / m.
            using: a calibration of your own landmarker (``nasion.core.regions.calibrate``); by default the packaged one
                of the embedded landmarker, for ``ibug68``, ``dense478`` and their groups.

        Returns:
            (N,) px, the radii: ``sigma`` times the calibrated factor of each point, a larger one where the point is
            said to be hidden. NaN where sigma is.

        Raises:
            InputError: alpha is not between 0 and 1 or smaller than the calibration faces can promise, or the points
                were taken as given and carry no sigma.
            SchemeError: there is no calibration for this layout.
        """
        whole, _, group = self.scheme.name.partition("/")
        found = using or embedded_regions(whole)
        if found.scheme != whole:
            raise SchemeError(f"this calibration is for {found.scheme!r}, the points are {whole!r}: convert them first")
        if not (self.sigma > 0).any():
            raise InputError(
                "these points carry no sigma, they were taken as given: a landmarker's points have regions"
            )
        at = SCHEMES[whole].index(group) if group else np.arange(len(self))
        seen = np.ones(len(SCHEMES[whole]))
        seen[at] = self.visibility
        return np.asarray(self.sigma * found.factors(alpha, seen)[at], np.float32)

    def flip(self, width: int) -> Landmarks:
        """The landmarks of the mirrored image, which is ``width`` px wide. Names stay with the subject's sides."""
        order = self.scheme.flip
        points = self.points[order].copy()
        points[:, 0] = width - 1 - points[:, 0]
        views = {name: view.flip(width) for name, view in self.views.items()}
        return Landmarks(points, self.visibility[order], self.sigma[order], self.scheme, views)

    def transform(self, matrix: FloatArray) -> Landmarks:
        """The landmarks after the (2, 3) affine ``matrix``; sigma and z scale with its mean scale."""
        linear, shift = matrix[:, :2], matrix[:, 2]
        scale = float(np.sqrt(abs(np.linalg.det(linear))))
        xy = self.points[:, :2] @ linear.T + shift
        points = np.concatenate([xy, self.points[:, 2:] * scale], axis=1).astype(np.float32)
        views = {name: view.transform(matrix) for name, view in self.views.items()}
        return Landmarks(points, self.visibility, (self.sigma * scale).astype(np.float32), self.scheme, views)
