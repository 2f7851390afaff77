"""Points taught from a few HELEN training photos and found on the test photos: how often held, by how large a region.

The human 68 points stand for clicks on something new. Teaching is repeated with other photos, no photo twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray, Landmarks
from nasion.core.geometry.similarity import apply_affine, invert_affine
from nasion.report.bench.data import FacePhoto
from nasion.report.bench.progress import progress
from nasion.report.bench.scoring import Found, annotated_face

if TYPE_CHECKING:
    from nasion.landmark.conformal import Example, TaughtPoint
    from nasion.landmark.conformal.looks import Looks
    from nasion.pipeline import Analyzer

CLICKED = {
    "chin": 8, "jaw": 4, "brow, outer end": 17, "brow, inner end": 21, "nose tip": 30, "nostril": 31,
    "eye, outer corner": 36, "eye, inner corner": 39, "mouth corner": 48, "lower lip": 57,
}  # fmt: skip
ALPHAS = (0.32, 0.2, 0.1, 0.05)
EXAMPLES = 20


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A photo's annotated face as the landmarker placed it."""

    photo: FacePhoto
    image: Any
    landmarks: Landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """What became of every taught point on every photo.

    Attributes:
        held: (A, R, P, F) bool: for each alpha, set of examples, point and photo, whether the region holds the label.
        share: (A, R, P, F) area of the region over that of the face.
        error: (R, P, F) distance from the best guess to the label, over that between the outer eye corners.
    """

    held: FloatArray
    share: FloatArray
    error: FloatArray

    def figures(self, at: IntArray | None = None) -> dict[str, Any]:
        """Plain numbers by alpha; ``at`` takes only some photos."""
        pick = slice(None) if at is None else at
        held, share = self.held[..., pick], self.share[..., pick]
        return {
            "faces": held.shape[3],
            "sets_of_examples": held.shape[1],
            "error_median": float(np.median(self.error[..., pick])),
            "alpha": {
                f"{alpha:g}": {
                    "coverage": float(h.mean()),
                    "standard_error": standard_error(h),
                    "share_median": float(np.median(s)),
                    "share_mean": float(s.mean()),
                    "share_95": float(np.quantile(s, 0.95)),
                    "coverage_by_point": [round(float(v), 4) for v in h.mean(axis=(0, 2))],
                    "share_by_point": [round(float(v), 5) for v in np.median(s, axis=(0, 2))],
                }
                for alpha, h, s in zip(ALPHAS, held, share, strict=True)
            },
        }


def standard_error(held: FloatArray) -> float:
    """Of the mean of (R, P, F): both the sets of examples and the photos are draws, points of a photo go together."""
    sets, faces = held.mean(axis=(1, 2)), held.mean(axis=(0, 1))
    return float(np.sqrt(sum(np.var(v, ddof=1) / len(v) for v in (sets, faces) if len(v) > 1)))


def see(analyzer: Analyzer, photos: Sequence[FacePhoto], what: str) -> list[SeenFace]:
    """The annotated faces that were found."""
    from nasion.media import read_image

    seen = []
    for photo in progress(photos, what, len(photos)):
        image = read_image(photo.path)
        faces = analyzer(image)
        chosen = annotated_face([Found(f.box, np.asarray(i)) for i, f in enumerate(faces)], photo.points)
        if chosen is not None:
            seen.append(SeenFace(photo, image, faces[int(chosen.points)].landmarks))
    return seen


def examples_of(faces: Sequence[SeenFace]) -> list[dict[str, Example]]:
    """Each face's one-shot predictors, by the name of the point."""
    from nasion.landmark.conformal import Marked, example
    from nasion.landmark.conformal.looks import Looks, face_view

    predictors = []
    for face in progress(faces, "conformal: examples", len(faces)):
        seen, truth = Looks(face.image, face_view(face.landmarks)), face.photo.points
        clicks = {
            name: Marked(face.image, face.landmarks, truth[i], face.photo.path.name) for name, i in CLICKED.items()
        }
        predictors.append({name: example(click, seen) for name, click in clicks.items()})
    return predictors


Teacher = Callable[[str, "Sequence[Example]"], "TaughtPoint"]


def with_looks(name: str, examples: Sequence[Example]) -> TaughtPoint:
    """CAOS as it ships."""
    from nasion.landmark.conformal import taught_from

    return taught_from(name, "dense478", examples)


def by_distance(name: str, examples: Sequence[Example]) -> TaughtPoint:
    """CAOS with places only: every place looks unlike every other."""
    return with_looks(name, [replace(e, look=np.zeros_like(e.look)) for e in examples])


def split(name: str, examples: Sequence[Example]) -> TaughtPoint:
    """Split conformal prediction: half of the examples predict, the other half calibrate."""
    from nasion.landmark.conformal import aggregate, own_scores

    half = len(examples) // 2
    whole = with_looks(name, examples)
    calibration = aggregate(own_scores(examples)[:half, half:])
    return replace(whole, carry=whole.carry[:half], looks=whole.looks[:half], nearest=calibration[None])


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One taught point on one face.

    Attributes:
        point: what was taught.
        looks: of the face.
        mesh: (N, 2) its landmarks, view px.
        scores: of the cells.
        chance: the number drawn for the picture.
    """

    point: TaughtPoint
    looks: Looks
    mesh: FloatArray
    scores: FloatArray
    chance: float


Rule = Callable[[Asked, float], BoolArray]


def smoothed(asked: Asked, alpha: float) -> BoolArray:
    """The region as it ships."""
    from nasion.landmark.conformal import region

    return region(asked.point, asked.looks, asked.mesh, asked.scores, alpha, asked.chance)


def whole_ranks(asked: Asked, alpha: float) -> BoolArray:
    """The same without a random number: 1 - alpha or more, in steps of 1 / (n + 1)."""
    return smoothed(replace(asked, chance=1.0), alpha)


def threshold(asked: Asked, alpha: float) -> BoolArray:
    """Every cell up to the calibration's quantile: CAOS as published, or split conformal prediction."""
    from nasion.landmark.conformal import prediction_set

    return prediction_set(asked.scores, asked.point.calibration, alpha).inside


def find_all(
    methods: Mapping[str, tuple[Teacher, Rule]],
    sets: Sequence[Sequence[dict[str, Example]]],
    faces: Sequence[SeenFace],
) -> dict[str, Trials]:
    """Teach every point by every method from every set of examples, and look for it on every face."""
    from nasion.landmark.conformal import cell_scores, chances
    from nasion.landmark.conformal.looks import CELL, Looks, cell, face_view, middles

    teachers = dict.fromkeys(teacher for teacher, _ in methods.values())
    taught = {t: [[t(name, [e[name] for e in examples]) for name in CLICKED] for examples in sets] for t in teachers}
    shape = (len(sets), len(CLICKED), len(faces))
    trials = {m: Trials(*(np.zeros(s) for s in ((len(ALPHAS), *shape), (len(ALPHAS), *shape), shape))) for m in methods}
    for f, face in enumerate(progress(faces, "conformal: finding", len(faces))):
        view = face_view(face.landmarks)
        looks, mesh = Looks(face.image, view), apply_affine(view, face.landmarks.points[:, :2])
        area, truth = float(cv2.contourArea(cv2.convexHull(mesh.astype(np.float32)))), face.photo.points
        eyes, drawn = float(np.linalg.norm(truth[36] - truth[45])), chances(face.image, list(CLICKED))
        for r in range(len(sets)):
            for p, (i, chance) in enumerate(zip(CLICKED.values(), drawn, strict=True)):
                at = cell(apply_affine(view, truth[i]))
                for teacher, points in taught.items():
                    scores = cell_scores(points[r][p], looks, mesh)
                    asked = Asked(points[r][p], looks, mesh, scores, chance)
                    best = apply_affine(invert_affine(view), middles()[scores.argmin()])
                    for found, rule in ((trials[m], rule) for m, (t, rule) in methods.items() if t is teacher):
                        found.error[r, p, f] = np.linalg.norm(best - truth[i]) / eyes
                        for a, alpha in enumerate(ALPHAS):
                            inside = rule(asked, alpha)
                            found.held[a, r, p, f] = at is not None and inside[at]
                            found.share[a, r, p, f] = inside.sum() * CELL**2 / area
    return trials
