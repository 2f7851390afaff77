"""Landmark models: the embedded one, 68 + 478 points with visibility, sigma and presence, and any you trained.

The embedded network, its training and its sources are described in ``training/nets/landmarker.py`` and on the model's
card. A model of your own (``nasion train``) takes the same crops and gives ``points`` (N, K, 2) and ``sigma`` (N, K)
in a layout that its metadata name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError, Landmarks, ModelError, SchemeError, scheme
from nasion.core.convert import conversion_path
from nasion.landmark.view import cut, moved, view_matrix
from nasion.landmark.views import MIRRORED, PLAIN, SEVERAL, View, look, merge
from nasion.models import Session

# Share of the crop that its corners may be off for its answer to count. Behind the embedded detector 3 % of the first
# crops of 182 held-out HELEN training photos are further off; limits of 5 to 25 % and none at all differ by 0.04 %.
FAR = 0.23
SHIFT = "ibug68_shift"  # key of a model's metadata
BATCH = 8  # crops a run: more are no quicker, a face costs 15 % less than alone, and each crop holds 4 MB meanwhile


@dataclass(frozen=True, slots=True)
class Placement:
    """What the landmarker says about one face.

    Attributes:
        landmarks: ``dense478`` with depth; ``landmarks.views["ibug68"]`` holds the 68 points of the same network. Of a
            points-only model: its own layout, every point counted as visible.
        presence: 0..1, how sure the network is that there is a face under these points; 1 of a points-only model.
    """

    landmarks: Landmarks
    presence: float


class Landmarker:
    """Places points on faces that are roughly known.

    Args:
        model: a name of the catalogue, or the path of an ONNX file with the same contract or that of `nasion train`.
        passes: how many looks at a face, each at a crop cut anew from the points just placed, every other one mirrored;
            the answers are averaged. One is enough for a face followed from the previous frame. Two for a detected one
            bring the error of the 68 points from 3.45 to 3.32 % (the 182 photos above). Where the first crop was far
            off, one more follows: faces turned by 45 degrees are placed at 3.27 instead of 3.44 % (HELEN test).
        accurate: in the last pass look at three views of the crop (`nasion.landmark.views`).
        device, threads: as for ``nasion.models.Session``.

    Attributes:
        scheme: name of the layout that it places.

    Raises:
        ModelError: the model cannot be loaded, or is no landmarker.
    """

    def __init__(
        self,
        model: str | Path = "landmarker",
        *,
        passes: int = 1,
        accurate: bool = False,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        if passes < 1:
            raise InputError(f"the landmarker needs at least one pass, got passes={passes}")
        self.session = Session(model, device=device, threads=threads)
        self.passes, self.accurate = passes, accurate
        self.scheme = _layout(self.session)
        own = {"points": self.scheme}, {"ibug68": "ibug68", "dense478": "dense478"}
        self._layouts = next(layouts for layouts in own if layouts.keys() <= set(self.session.output_names))
        self.size = int(self.session.input_shapes["crops"][1])
        # HELEN's human labels lie 1 % of the outer-eye distance to the right of where a network puts the points that
        # treats both sides of a face alike (training/landmarker/faces.py). Ours learns without; the 68 points get it
        # back here, after mirrored views are averaged. The 478 points do not have it.
        self._shift = float(self.session.metadata.get(SHIFT, 0.0))

    def place(self, image: ImageArray, faces: Sequence[Face], *, passes: int | None = None) -> list[Placement]:
        """Points of each face.

        Args:
            image: RGB uint8 (H, W, 3).
            faces: with landmarks in any scheme that converts to ``coarse5``: a detector's five, or the last frame's.
            passes: for this call, instead of the number given at construction.

        Returns:
            One placement per face, in the same order, in px of ``image``.
        """
        return self.place_many([(image, face) for face in faces], passes=passes)

    def place_many(self, pairs: Sequence[tuple[ImageArray, Face]], *, passes: int | None = None) -> list[Placement]:
        """``place`` for faces of several images at once, so that small groups of faces still fill a batch."""
        if not pairs:
            return []
        count = self.passes if passes is None else passes
        images = [image for image, _ in pairs]
        crops = [view_matrix(face.landmarks, self.size) for _, face in pairs]
        answers: list[dict[str, FloatArray]] = []
        weights = np.zeros((count, len(pairs)), np.float32)
        for number in range(count):
            last = number == count - 1
            views = SEVERAL if last and self.accurate else (PLAIN, MIRRORED)[number % 2]
            answers.append(self._look(images, crops, views))
            weights[number] = len(views)
            if not last:
                crops, off = self._anew(answers[-1], crops)
                weights[: number + 1, off] = 0
        out = answers[0] if count == 1 else _mean(answers, weights)
        lost = np.flatnonzero(weights[:-1].sum(axis=0) == 0) if count > 1 else ()
        if len(lost):  # the one crop that counts was cut by an answer that does not: look once more
            views = SEVERAL if self.accurate else PLAIN
            some = {name: values[lost] for name, values in out.items()}
            crops, off = self._anew(some, [crops[i] for i in lost])
            two = np.array([np.where(off, 0, 1), np.ones(len(lost))], np.float32)
            for name, values in _mean([some, self._look([images[i] for i in lost], crops, views)], two).items():
                out[name][lost] = values
        return self._placements(out)

    def _anew(self, out: dict[str, FloatArray], crops: Sequence[FloatArray]) -> tuple[list[FloatArray], list[bool]]:
        """The crops that points just placed ask for, and whether each lies far from the one before."""
        anew = [view_matrix(placed.landmarks, self.size) for placed in self._placements(out)]
        return anew, [moved(old, new, self.size) > FAR * self.size for old, new in zip(crops, anew, strict=True)]

    def _look(
        self, images: Sequence[ImageArray], matrices: Sequence[FloatArray], views: tuple[View, ...]
    ) -> dict[str, FloatArray]:
        """What the network says about N crops, points and sigma in px of their images."""
        faces, step = list(zip(images, matrices, strict=True)), max(BATCH // len(views), 1)
        chunks = [faces[start : start + step] for start in range(0, len(faces), step)]
        found = [self._run(chunk, views) for chunk in chunks]
        out = found[0] if len(found) == 1 else {name: np.concatenate([f[name] for f in found]) for name in found[0]}
        return self._in_images(out, matrices)

    def _run(self, faces: Sequence[tuple[ImageArray, FloatArray]], views: tuple[View, ...]) -> dict[str, FloatArray]:
        if views == PLAIN:
            return self.session.run({"crops": np.stack([cut(image, matrix, self.size) for image, matrix in faces])})
        crops = np.stack([look(image, matrix, self.size, view) for image, matrix in faces for view in views])
        return merge(self.session.run({"crops": crops}), self._layouts, views, self.size)

    def _in_images(self, out: dict[str, FloatArray], matrices: Sequence[FloatArray]) -> dict[str, FloatArray]:
        """From px of N crops to px of their images; all faces at once, for there is little to do."""
        back = np.array([_inverse(matrix) for matrix in matrices])
        found = {"sigma": (out["sigma"] * back[:, 2, 2:]).astype(np.float32)}
        for name in self._layouts:
            points = _as_labelled(out[name], self._shift) if name == "ibug68" else out[name]
            axes = points.shape[2]
            found[name] = (points @ back[:, :axes, :axes] + back[:, 3:, :axes]).astype(np.float32)
        return out | found

    def _placements(self, out: dict[str, FloatArray]) -> list[Placement]:
        """One placement a face of what `_look` gives."""
        sigma = out["sigma"]
        if "points" in out:
            seen, own = np.ones(sigma.shape[1], np.float32), scheme(self.scheme)
            return [Placement(Landmarks(p, seen, s, own), 1.0) for p, s in zip(out["points"], sigma, strict=True)]
        visibility, sparse, dense = out["visibility"], scheme("ibug68"), scheme("dense478")
        placements = []
        for i, presence in enumerate(out["presence"]):
            ibug = Landmarks(out["ibug68"][i], visibility[i, :68], sigma[i, :68], sparse)
            views = {"ibug68": ibug}
            whole = Landmarks(out["dense478"][i], visibility[i, 68:], sigma[i, 68:], dense, views)
            placements.append(Placement(whole, float(presence)))
        return placements


def _mean(answers: Sequence[dict[str, FloatArray]], weights: FloatArray) -> dict[str, FloatArray]:
    """The mean of several looks at N faces; ``weights`` (P, N). Presence is that of the last look, the best framed."""
    share = weights / weights.sum(0)
    return {
        name: last
        if name == "presence"
        else np.einsum("pn,pn...->n...", share, np.stack([answer[name] for answer in answers]))
        for name, last in answers[-1].items()
    }


def _inverse(matrix: FloatArray) -> list[tuple[float, float, float]]:
    """Rows to multiply points (x, y, z) of a crop by, and one to add, of a (2, 3) similarity from the image to it."""
    (a, c, right), (b, d, down) = matrix.tolist()
    square = a * a + b * b
    a, b, c, d = a / square, b / square, c / square, d / square  # a similarity's inverse: its transpose over this
    return [(a, c, 0), (b, d, 0), (0, 0, 1 / sqrt(square)), (-right * a - down * b, -right * c - down * d, 0)]


def _as_labelled(ibug: FloatArray, shift: float) -> FloatArray:
    """(N, 68, 2) crop px moved to the right by a share of the outer-eye distance."""
    eyes = ibug[:, 36] - ibug[:, 45]
    moved = ibug.copy()
    moved[..., 0] += shift * np.hypot(eyes[:, :1], eyes[:, 1:])
    return moved


def _layout(session: Session) -> str:
    """The scheme a model places; what it takes and gives is checked here, not when the first face comes."""
    gives, shape = set(session.output_names), session.input_shapes.get("crops", ())
    places = {"ibug68", "dense478"} <= gives or {"points", "sigma"} <= gives
    if not places or len(shape) != 4 or not isinstance(shape[1], int):
        raise ModelError(
            f"{session.path} is no landmarker: it must take crops (n, S, S, 3) and give points and sigma, as the files "
            f"of `nasion train` do; it takes {session.input_shapes} and gives {', '.join(session.output_names)}"
        )
    if "dense478" in gives:
        return "dense478"
    name = session.metadata.get("scheme", "")
    try:
        conversion_path(scheme(name).name, "coarse5")
    except SchemeError as error:
        raise ModelError(f"{session.path}: its metadata name the scheme {name!r}; {error}") from error
    return name
