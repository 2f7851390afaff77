"""Any points followed through a clip: by their own texture, by the landmarks around them, or by both.

Texture: pyramidal Lucas-Kanade flow there and back again, then the point's first patch, warped as its surroundings
moved, laid on exactly; so small errors of each frame do not add up. A patch that no longer looks right is lost, carried
by its neighbours or the landmarks, and taken up again where it reappears.

Sources: Lucas and Kanade, IJCAI 1981, in the pyramidal form of Bouguet, 2000; Kalal, Mikolajczyk and Matas,
"Forward-Backward Error", ICPR 2010; Baker and Matthews, "Lucas-Kanade 20 Years On", IJCV 2004 (inverse composition).
Listed as in Li et al., "PoreTrack3D", arXiv 2512.02648, whose own pipeline was not to be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError, IntArray

By = Literal["mesh", "flow", "both"]

WINDOW, LEVELS = 21, 3  # px of the flow's window; pyramid levels above the picture
ROUND_TRIP = 0.5  # px that the way there and back may differ
RADIUS = 8  # px of a patch: 17 px across, 2.5 mm at 0.15 mm/px
STEPS, FARTHEST = 5, 2.5  # of laying on; px it may move a point from where the flow took it
ALIKE, ALIKE_AGAIN, FRESH = (
    0.75,
    0.85,
    0.88,
)  # correlation to stay, to be taken up again, below which a patch is renewed
SEARCH = 12  # px around the predicted place where a lost patch is sought
NEIGHBOURS, DENSE = 12, 30  # points around one that tell how the skin is warped; fewer points in all tell nothing
STIFF = 30.0  # px²: pulls the warp to none where neighbours are few or in a line
LEAST_CONTRAST = 1.5  # grey levels, standard deviation of a patch below which there is nothing to follow


@dataclass(frozen=True, slots=True, eq=False)
class PointFrame:
    """Where N points are in one frame.

    Attributes:
        points: (N, 2) float64 px; NaN where not even a guess is left.
        valid: (N,) bool, whether the tracker stands by it; otherwise it is carried by what is around.
        quality: (N,) 0..1, likeness to the first patch (``both``), share of the allowed round trip left (``flow``), 0
            where not valid.
    """

    points: FloatArray
    valid: BoolArray
    quality: FloatArray


class MeshBinding:
    """Points bound to triangles between landmarks; outside all of them to the nearest.

    Args:
        points: (N, 2) px.
        mesh: (M, 2) px, the landmarks of the same frame.
    """

    def __init__(self, points: FloatArray, mesh: FloatArray) -> None:
        from scipy.spatial import Delaunay

        mesh, points = np.asarray(mesh, np.float64), np.asarray(points, np.float64)
        web = Delaunay(mesh)
        simplex = web.find_simplex(points)
        middles = mesh[web.simplices].mean(1)
        outside = np.flatnonzero(simplex < 0)
        apart = np.linalg.norm(points[outside, None] - middles[None], axis=2)
        simplex[outside] = apart.argmin(1) if len(outside) else simplex[outside]
        turn = web.transform[simplex]
        first = np.einsum("nij,nj->ni", turn[:, :2], points - turn[:, 2])
        self.corners: IntArray = web.simplices[simplex]
        self.weights: FloatArray = np.concatenate([first, 1 - first.sum(1, keepdims=True)], axis=1)

    def carry(self, mesh: FloatArray) -> FloatArray:
        """(N, 2) where the points are when the landmarks are at ``mesh`` (M, 2)."""
        return np.asarray(np.einsum("nk,nki->ni", self.weights, np.asarray(mesh, np.float64)[self.corners]))


class PointTracker:
    """Follows points from frame to frame.

    Args:
        image: (H, W, 3) RGB or (H, W) grey uint8, the first frame.
        points: (N, 2) px in it.
        by: ``"mesh"`` landmarks alone; ``"flow"`` frame-to-frame flow with its gate, lost once is lost for good;
            ``"both"`` flow, patches, and landmarks where given.
        mesh: (M, 2) px landmarks of the first frame; needed by ``"mesh"``.
        gate: False lets everything pass: only to show what the gates are for.

    Raises:
        InputError: points that are not (N, 2), outside the picture, or ``"mesh"`` without landmarks.
    """

    def __init__(
        self,
        image: ImageArray,
        points: FloatArray,
        *,
        by: By = "both",
        mesh: FloatArray | None = None,
        gate: bool = True,
    ) -> None:
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
            raise InputError(f"points to follow are (N, 2) px, at least one, got an array of shape {points.shape}")
        if by not in get_args(By):
            raise InputError(f"points are followed by {', '.join(get_args(By))}, not {by!r}")
        if by == "mesh" and mesh is None:
            raise InputError("by='mesh' carries points by landmarks: give those of the first frame")
        self._grey = grey(image)
        height, width = self._grey.shape
        outside = ((points < 0) | (points > (width - 1, height - 1))).any(1)
        if outside.any():
            raise InputError(
                f"point {int(outside.argmax())} at {points[outside.argmax()].tolist()} lies outside the picture of "
                f"{width} x {height} px"
            )
        self.by, self.gate = by, gate
        self._start, self._points = points, points.copy()
        self._valid = np.ones(len(points), bool)
        self._binding = None if mesh is None else MeshBinding(points, mesh)
        self._carried = None if self._binding is None or mesh is None else self._binding.carry(mesh)
        self._mesh_start = None if mesh is None else np.asarray(mesh, np.float64)
        self._around = _neighbours(points, points) if len(points) >= DENSE else None
        self._mesh_around = None if mesh is None else _neighbours(points, self._mesh_start)
        offsets = np.arange(-RADIUS, RADIUS + 1.0)
        self._grid = np.stack(np.meshgrid(offsets, offsets), -1).reshape(-1, 2)
        self._warp_at_key = np.tile(np.eye(2), (len(points), 1, 1))
        self._patch = np.zeros((len(points), len(self._grid)), np.float32)
        self._slope = np.zeros((len(points), len(self._grid), 2), np.float32)
        self._renew(np.ones(len(points), bool), self._warp_at_key)
        self._textured = self.contrast >= LEAST_CONTRAST

    @property
    def contrast(self) -> FloatArray:
        """(N,) standard deviation of each point's patch, grey levels; below ``LEAST_CONTRAST`` texture says nothing."""
        return np.asarray(self._patch.std(1))

    def step(self, image: ImageArray, mesh: FloatArray | None = None) -> PointFrame:
        """Follow the points into the next frame.

        Args:
            image: of the same size.
            mesh: its landmarks; None where there are none.
        """
        now = grey(image)
        if now.shape != self._grey.shape:
            raise InputError(f"frames keep their size: {self._grey.shape} at first, now {now.shape}")
        carried = self._binding.carry(mesh) if self._binding is not None and mesh is not None else None
        if self.by == "mesh":
            known = carried is not None
            at = carried if carried is not None else np.full_like(self._points, np.nan)
            return PointFrame(at, np.full(len(at), known), np.full(len(at), float(known)))
        guess = self._points.copy()
        if carried is not None and self._carried is not None and self.by == "both":
            guess += carried - self._carried
        at, round_trip = self._flow(now, guess)
        quality = np.clip(1 - round_trip / ROUND_TRIP, 0, 1)
        flowed = self._valid & (round_trip < ROUND_TRIP) & _inside(at, now, 1)
        if not self.gate:
            flowed, quality = np.ones(len(at), bool), np.ones(len(at))
        elif self.by == "both":
            at, flowed, quality = self._confirm(now, at, flowed, mesh)
        self._grey, self._points, self._valid = now, at, flowed
        self._carried = carried if carried is not None else self._carried
        return PointFrame(at.copy(), flowed.copy(), np.where(flowed, quality, 0))

    def _flow(self, now: ImageArray, guess: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Places in the new frame, and by how many px the way there and back differ."""
        options: dict[str, Any] = {
            "winSize": (WINDOW, WINDOW), "maxLevel": LEVELS, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
            "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.005),
        }  # fmt: skip
        start = self._points.astype(np.float32)
        there, status, _ = cv2.calcOpticalFlowPyrLK(self._grey, now, start, guess.astype(np.float32), **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(now, self._grey, there, start.copy(), **options)
        gone = (status.ravel() == 0) | (returned.ravel() == 0)
        return there.astype(np.float64), np.where(gone, np.inf, np.linalg.norm(back - start, axis=1))

    def _confirm(
        self, now: ImageArray, at: FloatArray, flowed: BoolArray, mesh: FloatArray | None
    ) -> tuple[FloatArray, BoolArray, FloatArray]:
        """Lay the patches on, carry what is lost and look for it, renew patches that changed slowly."""
        picture = now.astype(np.float32)
        warp = self._warps(at, flowed, mesh)
        relative = warp @ np.linalg.inv(self._warp_at_key)
        laid, alike = self._lay(picture, at, relative)
        stays = (
            flowed
            & self._textured
            & (np.linalg.norm(laid - at, axis=1) < FARTHEST)
            & (alike > ALIKE)
            & _inside(laid, now, 1)
        )
        at = np.where(stays[:, None], laid, at)
        lost = ~stays
        if lost.any():
            at[lost] = self._predict(at, stays, warp, mesh)[lost]
            found, likeness = self._seek(
                picture, at, relative, np.flatnonzero(lost & self._textured & np.isfinite(at).all(1))
            )
            again = lost & self._textured & (likeness > ALIKE_AGAIN)
            at = np.where(again[:, None], found, at)
            alike, stays = np.where(again, likeness, alike), stays | again
        self._points, self._grey = at, now
        self._renew(stays & (alike < FRESH) & (alike > 0.8), warp)
        return at, stays, alike

    def _warps(self, at: FloatArray, flowed: BoolArray, mesh: FloatArray | None) -> FloatArray:
        """(N, 2, 2) how the surroundings of each point were turned and stretched since the first frame."""
        if self._around is not None:
            before, after, counts = self._start, at, flowed[self._around]
            index = self._around
        elif mesh is not None and self._mesh_around is not None and self._mesh_start is not None:
            before, after, index = self._mesh_start, np.asarray(mesh, np.float64), self._mesh_around
            counts = np.ones(index.shape, bool)
        else:
            return np.tile(np.eye(2), (len(at), 1, 1))
        weight = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        x, y = before[index], after[index]
        x = x - np.einsum("nk,nki->ni", weight, x)[:, None]
        y = np.nan_to_num(y - np.einsum("nk,nki->ni", weight, np.nan_to_num(y))[:, None])
        spread = np.einsum("nk,nki,nkj->nij", weight, x, x) + STIFF * np.eye(2)
        change = np.einsum("nk,nki,nkj->nij", weight, y - x, x)
        return np.asarray(np.eye(2) + change @ np.linalg.inv(spread))

    def _predict(self, at: FloatArray, known: BoolArray, warp: FloatArray, mesh: FloatArray | None) -> FloatArray:
        """Where points should be by their neighbours, else by the landmarks, else where the flow took them."""
        out = at.copy()
        if self._around is not None:
            counts = known[self._around]
            enough = counts.sum(1) >= 3
            weight = counts / np.maximum(counts.sum(1, keepdims=True), 1)
            before = np.einsum("nk,nki->ni", weight, self._start[self._around])
            after = np.einsum("nk,nki->ni", weight, np.where(counts[..., None], at[self._around], 0))
            guess = after + np.einsum("nij,nj->ni", warp, self._start - before)
            out[enough] = guess[enough]
        elif self._binding is not None and mesh is not None:
            out = self._binding.carry(mesh)
        return out

    def _lay(self, picture: FloatArray, at: FloatArray, warp: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Places where the patches fit best near ``at``, and how alike they are there, -1..1."""
        at = at.copy()
        patch = self._patch - self._patch.mean(1, keepdims=True)
        power = (patch**2).sum(1) + 1e-6
        hessian = np.einsum("npi,npj->nij", self._slope, self._slope) + 1e-3 * np.eye(2)
        inverse = np.linalg.inv(hessian)
        alike = np.full(len(at), -1.0)
        for step in range(STEPS + 1):
            seen = self._sample(picture, at, warp)
            seen = seen - seen.mean(1, keepdims=True)
            common = (seen * patch).sum(1)
            alike = common / np.sqrt(power * ((seen**2).sum(1) + 1e-6))
            if step == STEPS:
                break
            gain = np.maximum(common / power, 0.2)[:, None]
            off = np.einsum("nij,nj->ni", inverse, np.einsum("npi,np->ni", self._slope, seen / gain - patch))
            at -= np.einsum("nij,nj->ni", warp, np.clip(off, -1.5, 1.5))
        return at, alike

    def _seek(
        self, picture: FloatArray, at: FloatArray, warp: FloatArray, lost: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Look for lost patches around their predicted places."""
        places, likeness = at.copy(), np.full(len(at), -1.0)
        if not len(lost):
            return places, likeness
        offsets = np.arange(-RADIUS - SEARCH, RADIUS + SEARCH + 1.0)
        wide = np.stack(np.meshgrid(offsets, offsets), -1).reshape(-1, 2)
        regions = _look(picture, at[lost], warp[lost], wide).reshape(-1, len(offsets), len(offsets))
        side = 2 * RADIUS + 1
        for i, region in zip(lost, regions, strict=True):
            scores = cv2.matchTemplate(region, self._patch[i].reshape(side, side), cv2.TM_CCOEFF_NORMED)
            row, column = np.unravel_index(int(scores.argmax()), scores.shape)
            places[i] += warp[i] @ (column - SEARCH, row - SEARCH)
        laid, alike = self._lay(picture, places, warp)
        likeness[lost] = alike[lost]
        return laid, likeness

    def _renew(self, chosen: BoolArray, warp: FloatArray) -> None:
        """Cut the patches of some points anew from the frame at hand."""
        if not chosen.any():
            return
        picture, at = self._grey.astype(np.float32), self._points[chosen]
        upright = np.tile(np.eye(2), (len(at), 1, 1))
        self._warp_at_key[chosen] = warp[chosen]
        self._patch[chosen] = _look(picture, at, upright, self._grid)
        for axis, ahead in enumerate(((1.0, 0.0), (0.0, 1.0))):
            before = _look(picture, at, upright, self._grid - ahead)
            self._slope[chosen, :, axis] = (_look(picture, at, upright, self._grid + ahead) - before) / 2
        self._slope[chosen] -= self._slope[chosen].mean(1, keepdims=True)

    def _sample(self, picture: FloatArray, at: FloatArray, warp: FloatArray) -> FloatArray:
        return _look(picture, at, warp, self._grid)


def grey(image: ImageArray) -> ImageArray:
    """(H, W) uint8 of an RGB or grey picture."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _look(picture: FloatArray, at: FloatArray, warp: FloatArray, grid: FloatArray) -> FloatArray:
    """(N, P) float32 grey levels at ``at + warp @ grid``."""
    places = (at[:, None] + grid @ warp.transpose(0, 2, 1)).astype(np.float32)
    return np.asarray(cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE))


def _neighbours(points: FloatArray, among: FloatArray | None) -> IntArray:
    """(N, K) the rows of ``among`` nearest to each point, the point itself left out."""
    from scipy.spatial import cKDTree

    assert among is not None, "asked for only where there are some"
    same = among is points
    count = min(NEIGHBOURS + same, len(among))
    _, index = cKDTree(among).query(points, k=count)
    index = np.asarray(index).reshape(len(points), count)
    return index[:, 1:] if same else index


def _inside(at: FloatArray, picture: ImageArray, margin: float) -> BoolArray:
    height, width = picture.shape
    with np.errstate(invalid="ignore"):
        return np.asarray(((at >= margin) & (at <= (width - 1 - margin, height - 1 - margin))).all(1))
