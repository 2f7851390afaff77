"""From one landmark layout to another where nobody made a table: by the layouts' 3-D templates, or by examples.

`match_schemes` pairs the points of two layouts whose mean faces stand in the same head frame; `learn_conversion` pairs
them by faces that carry both, votes over the faces, and measures what is left. Either gives a `SchemeMatch`, which
converts `Landmarks`; `convert_or_match` takes the table of `nasion.core.convert` where there is one.

The convention translator of Clerc et al., "HOT-POT", arXiv 2601.12423: votes over many frames, an offset for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from nasion.core import FloatArray, InputError, Landmarks, Scheme, SchemeError, convert, scheme
from nasion.core.geometry.procrustes import generalized_procrustes
from nasion.core.geometry.similarity import apply_affine, umeyama
from nasion.landmark.matching.plan import Matching, best_pairs, match

NEAR_MM = 8.0  # points of two templates that are farther apart mean different places of a face
AS_NEAR_MM = 2.0  # a rival that costs so little more is as good
NEAR = 0.15  # the same for examples, over the rms distance of the points of a face from their mean
CLEAR = 0.8  # share of the faces' votes by which a pair must lead its rivals to be unambiguous
# Standard deviation per axis, mm on the mean face, that a template's offset adds to a point's error: dense478 to ibug68
# by templates is off by 3.69 % of the 88 mm between the outer eye corners on HELEN, the landmarker's own 68 points by
# 3.44 % (nasion bench matching), which leaves 1.2 mm; rounded up, for people differ more than 90 photos show.
TEMPLATE_SPREAD_MM = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class SchemeMatch:
    """A conversion found by matching.

    Attributes:
        source, target: the layouts.
        matching: pairs (source point, target point).
        template: (N, d) the source layout's mean shape; NaN where it has no place for a point.
        offset: (M, d) from the source point to the target point of each pair, in the template's frame and unit; NaN for
            target points without a partner.
        spread: (M,) standard deviation per axis of the converted point's error, in the template's unit.
    """

    source: Scheme
    target: Scheme
    matching: Matching
    template: FloatArray
    offset: FloatArray
    spread: FloatArray

    def names(self) -> list[tuple[str, str]]:
        """The pairs by the names of their points."""
        return [(self.source.names[i], self.target.names[j]) for i, j in self.matching.pairs]

    def convert(self, landmarks: Landmarks) -> Landmarks:
        """The same face in the target layout.

        A target point stands at its partner, moved by the offset as the face is turned and scaled. Its visibility is
        the partner's; its sigma is the partner's with the conversion's own error added in quadrature. A point without
        partner is NaN with visibility 0.

        Raises:
            InputError: the landmarks are in another layout, or fewer than four points are known.
        """
        if landmarks.scheme.name != self.source.name:
            raise InputError(f"this match converts {self.source.name!r}, the landmarks are {landmarks.scheme.name!r}")
        linear = _placed(self.template, landmarks.points.astype(np.float64))
        points = np.full((len(self.target), landmarks.points.shape[1]), np.nan)
        visibility, sigma = np.zeros(len(self.target)), np.full(len(self.target), np.nan)
        i, j = self.matching.pairs.T
        points[j] = landmarks.points[i] + self.offset[j] @ linear.T
        known = np.isfinite(points[j]).all(axis=1)
        scale = np.linalg.norm(linear[:2]) / np.sqrt(2)  # px per unit of the template
        visibility[j] = np.where(known, landmarks.visibility[i], 0)
        sigma[j] = np.where(known, np.hypot(landmarks.sigma[i], scale * self.spread[j]), np.nan)
        return Landmarks(
            points.astype(np.float32), visibility.astype(np.float32), sigma.astype(np.float32), self.target
        )


def convert_or_match(landmarks: Landmarks, target: str) -> Landmarks:
    """The same face in scheme ``target``: by the measured table where one exists, else by matching the templates.

    Raises:
        SchemeError: there is neither a table nor a template for both.
        MissingExtraError: matching is needed and POT is not installed.
    """
    try:
        return landmarks.to(target)
    except SchemeError:
        return _matched(landmarks.scheme.name, scheme(target).name).convert(landmarks)


def match_schemes(source: str, target: str, *, near_mm: float = NEAR_MM) -> SchemeMatch:
    """Pair the points of two layouts of `nasion.core.SCHEMES` by where they stand on the mean face.

    Args:
        source, target: names.
        near_mm: points that are farther apart are not paired, mm on an adult's head.

    Raises:
        SchemeError: a layout does not exist, or has no place on the mean face.
        MissingExtraError: POT is not installed.
    """
    a, b = mean_face(source), mean_face(target)
    apart = np.linalg.norm(a[:, None] - b[None], axis=2)
    apart[~np.isfinite(apart) | (apart > near_mm)] = np.inf
    matching = match(apart, price=near_mm / 2, tolerance=AS_NEAR_MM)
    offset = np.full((len(b), 3), np.nan)
    i, j = matching.pairs.T
    offset[j] = b[j] - a[i]
    return SchemeMatch(scheme(source), scheme(target), matching, a, offset, np.full(len(b), TEMPLATE_SPREAD_MM))


def mean_face(name: str) -> FloatArray:
    """(N, 3) mm, head frame: a layout's template, or what the conversion tables make of the dense one's.

    Points without a place are NaN.

    Raises:
        SchemeError: there is no such layout, or nothing gives it a place on the face.
    """
    layout = scheme(name)
    if layout.template is not None:
        return layout.template.astype(np.float64)
    dense = scheme("dense478")
    assert dense.template is not None, "the dense scheme ships with its metric template"
    try:
        return convert(Landmarks.from_points(dense.template, dense), name).points.astype(np.float64)
    except SchemeError as error:
        raise SchemeError(
            f"scheme {name!r} has no place on the mean face: match it by examples, with learn_conversion ({error})"
        ) from error


def learn_conversion(
    source_points: FloatArray,
    target_points: FloatArray,
    source: Scheme,
    target: Scheme,
    *,
    near: float = NEAR,
) -> SchemeMatch:
    """Find the conversion between two layouts from faces that carry points of both; no names are needed.

    Points are paired by their mean distance over all faces. Each face then votes with its own best pairs: a pair
    that does not lead its rivals clearly is ambiguous. ``spread`` is measured on faces left out of the mean offset.

    Args:
        source_points: (F, N, 2) px, F >= 2.
        target_points: (F, M, 2) px of the same pictures.
        source, target: the layouts, of N and of M points.
        near: points that are farther apart are not paired, over the rms distance of a face's source points from
            their mean.

    Raises:
        InputError: shapes that do not fit, or points that are not finite.
        MissingExtraError: POT is not installed.
    """
    a: FloatArray = np.asarray(source_points, np.float64)
    b: FloatArray = np.asarray(target_points, np.float64)
    if a.shape[1:] != (len(source), 2) or b.shape[1:] != (len(target), 2) or len(a) != len(b) or len(a) < 2:
        raise InputError(
            f"need (F, {len(source)}, 2) and (F, {len(target)}, 2) points of the same F >= 2 faces, got "
            f"{a.shape} and {b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("the examples hold points that are not finite: leave those faces out")
    mean = generalized_procrustes(a).mean
    frames = [umeyama(face, mean) for face in a]
    a, b = (np.stack([apply_affine(m, p) for m, p in zip(frames, faces, strict=True)]) for faces in (a, b))
    votes = np.zeros((len(source), len(target)))
    for x, y in zip(a, b, strict=True):
        apart = np.linalg.norm(x[:, None] - y[None], axis=2)
        i, j = best_pairs(np.where(apart <= near, apart, np.inf), price=near / 2).T
        votes[i, j] += 1 / len(a)
    apart = np.mean([np.linalg.norm(x[:, None] - y[None], axis=2) for x, y in zip(a, b, strict=True)], axis=0)
    matching = match(np.where(apart <= near, apart, np.inf), price=near / 2)
    i, j = matching.pairs.T
    lead = votes[i, j] - np.maximum(_second(votes, i, j), _second(votes.T, j, i))
    matching = replace(matching, ambiguous=np.asarray(lead < CLEAR))
    gaps = b[:, j] - a[:, i]
    offset, spread = np.full((len(target), 2), np.nan), np.full(len(target), np.nan)
    offset[j] = gaps.mean(axis=0)
    left_out = (gaps - offset[j]) * len(a) / (len(a) - 1)  # against the mean of the other faces
    spread[j] = np.sqrt((left_out**2).mean(axis=(0, 2)))
    return SchemeMatch(source, target, matching, mean, offset, spread)


def _second(votes: FloatArray, row: FloatArray, column: FloatArray) -> FloatArray:
    """(P,) the most votes of each row for another column than its own."""
    others = votes[row].copy()
    others[np.arange(len(row)), column] = 0
    return np.asarray(others.max(axis=1, initial=0))


def _placed(template: FloatArray, points: FloatArray) -> FloatArray:
    """(2 or 3, d) the linear part of the affine map that lays the template on the points, by least squares."""
    known = np.isfinite(template).all(axis=1) & np.isfinite(points).all(axis=1)
    if known.sum() < 4:
        raise InputError(f"converting by matching needs at least four known points, got {int(known.sum())}")
    shape, face = template[known], points[known]
    solved, *_ = np.linalg.lstsq(shape - shape.mean(axis=0), face - face.mean(axis=0), rcond=1e-6)
    return np.asarray(solved.T)


@cache
def _matched(source: str, target: str) -> SchemeMatch:
    return match_schemes(source, target)
