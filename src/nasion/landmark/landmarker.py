"""Landmark models: the embedded one, 68 + 478 points with visibility, sigma and presence, and any you trained.

The embedded network, its training and its sources are described in ``training/nets/landmarker.py`` and on the model's
card. A model of your own (``nasion train``) takes the same crops and gives ``points`` (N, K, 2) and ``sigma`` (N, K)
in a layout that its metadata name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError, Landmarks, ModelError, SchemeError, scheme
from nasion.core.convert import conversion_path
from nasion.landmark.view import cut, moved, view_matrix
from nasion.landmark.views import PLAIN, SEVERAL, View, look, merge
from nasion.models import Session

# Share of the crop that its corners must be off before it is cut anew. On 182 held-out HELEN training photos behind the
# embedded detector two thirds of the faces then need one crop, and the error is that of two (3.67 to 3.69 %).
OFF = 0.094
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
        passes: how many crops at most, each cut anew from the points just placed if these say that the last was off.
            One is enough when the faces come from the previous frame; two repair a detector's rough five points.
        accurate: in the last pass look at three views of each crop and average (`nasion.landmark.views`).
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
        self.passes, self.views = passes, SEVERAL if accurate else PLAIN
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
        count = self.passes if passes is None else passes
        placements: dict[int, Placement] = {}
        crops = [view_matrix(face.landmarks, self.size) for _, face in pairs]
        todo = list(range(len(pairs)))
        for number in range(count):
            views = self.views if number == count - 1 else PLAIN
            step = BATCH // len(views)
            for chunk in (todo[start : start + step] for start in range(0, len(todo), step)):
                found = self._once([pairs[i][0] for i in chunk], [crops[i] for i in chunk], views)
                placements |= zip(chunk, found, strict=True)
            if number < count - 1:
                anew = {i: view_matrix(placements[i].landmarks, self.size) for i in todo}
                todo = [i for i in todo if self.views != PLAIN or moved(crops[i], anew[i], self.size) > OFF * self.size]
                crops = [anew.get(i, crop) for i, crop in enumerate(crops)]
        return [placements[i] for i in range(len(pairs))]

    def _once(
        self, images: Sequence[ImageArray], matrices: Sequence[FloatArray], views: tuple[View, ...]
    ) -> list[Placement]:
        faces = list(zip(images, matrices, strict=True))
        if views == PLAIN:
            out = self.session.run({"crops": np.stack([cut(image, matrix, self.size) for image, matrix in faces])})
        else:
            crops = [look(image, matrix, self.size, view) for image, matrix in faces for view in views]
            out = merge(self.session.run({"crops": np.stack(crops)}), self._layouts, views, self.size)
        return self._placements(out, np.stack(matrices))

    def _placements(self, out: dict[str, FloatArray], matrices: FloatArray) -> list[Placement]:
        """What the network says about N crops, in px of their images; all faces at once, for there is little to do."""
        if "ibug68" in out:
            out = out | {"ibug68": _as_labelled(out["ibug68"], self._shift)}
        size = np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])[:, None]  # crop px per image px
        turn = matrices[:, :, :2] / size[..., None] ** 2  # of rows (x, y): the inverse of a similarity is its transpose
        points = {}
        for name in self._layouts:
            xy = (out[name][..., :2] - matrices[:, None, :, 2]) @ turn
            points[name] = np.concatenate([xy, out[name][..., 2:] / size[..., None]], axis=2).astype(np.float32)
        sigma = (out["sigma"] / size).astype(np.float32)
        if "points" in out:
            seen, own = np.ones(sigma.shape[1], np.float32), scheme(self.scheme)
            return [Placement(Landmarks(p, seen, s, own), 1.0) for p, s in zip(points["points"], sigma, strict=True)]
        visibility, sparse, dense = out["visibility"], scheme("ibug68"), scheme("dense478")
        placements = []
        for i, presence in enumerate(out["presence"]):
            ibug = Landmarks(points["ibug68"][i], visibility[i, :68], sigma[i, :68], sparse)
            views = {"ibug68": ibug}
            whole = Landmarks(points["dense478"][i], visibility[i, 68:], sigma[i, 68:], dense, views)
            placements.append(Placement(whole, float(presence)))
        return placements


def _as_labelled(ibug: FloatArray, shift: float) -> FloatArray:
    """(N, 68, 2) crop px moved to the right by a share of the outer-eye distance."""
    across = np.linalg.norm(ibug[:, 36] - ibug[:, 45], axis=1)
    return np.asarray(ibug + shift * across[:, None, None] * np.array([1, 0], np.float32))


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
