"""Points of the user's own, or pores, followed through a clip."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import cv2
import numpy as np

from nasion.core import BoolArray, Face, FloatArray, InputError, Landmarks
from nasion.core.trajectory import Trajectories
from nasion.media import Frame, open_video
from nasion.pipeline.analyzer import Analyzer
from nasion.track.points import LEAST_CONTRAST, By, PointFrame, PointTracker
from nasion.track.pores import find_pores

EYES_MM = 63.0  # between the middles of a mean adult's eyes
FINEST_MM = 0.3  # a px: with larger ones a pore, 0.2 to 0.5 mm across, is no longer seen
BARE = ("left_eye", "right_eye", "left_brow", "right_brow", "mouth", "nostrils")  # what is no skin


@dataclass(slots=True)
class Following:
    """Points being followed; iterate over it once, then ask for the trajectories.

    Args:
        video: a file, or frames as `nasion.open_video` gives them.
        points: (N, 2) px in the first frame; None for pores.
        names: of the points; numbered when left out.
        pores: how many of the clearest pores to follow where no points are given.
        by: as for `nasion.track.PointTracker`.
        analyzer: lends its models; by default the embedded ones. Not used by ``"flow"`` with points of one's own.
        start, stop: seconds.

    Attributes:
        textured: (N,) bool, which points have texture enough to be followed by it; known from the first frame on.
    """

    video: str | os.PathLike[str] | Iterable[Frame]
    points: FloatArray | None = None
    names: Sequence[str] = ()
    pores: int = 100
    by: By = "both"
    analyzer: Analyzer | None = None
    start: float = 0.0
    stop: float | None = None
    textured: BoolArray = field(default_factory=lambda: np.zeros(0, bool))
    _frames: list[PointFrame] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _regions: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[Frame, PointFrame]]:
        """Each frame with where the points are.

        Raises:
            MediaError: the file cannot be read.
            InputError: points outside the picture, no face in the first frame where one is needed, texture or
                sharpness too poor for what was asked.
        """
        faces = self.by != "flow" or self.points is None
        analyzer = (self.analyzer or Analyzer(("landmarks",), mode="video")).in_mode("video") if faces else None
        tracker: PointTracker | None = None
        wanted: int | None = None
        with ExitStack() as opened:
            video = self.video
            if isinstance(video, str | os.PathLike):
                video = opened.enter_context(open_video(video, start=self.start, stop=self.stop))
            for frame in video:
                found = analyzer(frame.image, frame.time_s) if analyzer is not None else []
                if tracker is None:
                    face = self._begin(frame, found)
                    wanted = None if face is None else face.track_id
                    mesh = None if face is None else face.landmarks.points[:, :2]
                    assert self.points is not None, "given or found by now"
                    tracker = PointTracker(frame.image, self.points, by=self.by, mesh=mesh)
                    self.textured = tracker.contrast >= LEAST_CONTRAST
                    self._check_texture()
                    whole = np.ones(len(self.points), bool)
                    now = PointFrame(np.asarray(self.points, np.float64), whole, whole.astype(float))
                else:
                    mine = [face for face in found if wanted is not None and face.track_id == wanted]
                    now = tracker.step(frame.image, mine[0].landmarks.points[:, :2] if mine else None)
                self._frames.append(now)
                self._times.append(frame.time_s)
                yield frame, now

    def trajectories(self) -> Trajectories:
        """The paths of all frames so far, px.

        Raises:
            InputError: no frame was followed yet.
        """
        if not self._frames:
            raise InputError("no frame was followed yet: iterate over the frames first")
        count = len(self._frames[0].points)
        names = tuple(self.names) or tuple(f"point{i}" for i in range(count))
        stacked = (
            np.stack([getattr(f, name) for f in self._frames], axis=1) for name in ("points", "valid", "quality")
        )
        points, valid, quality = stacked
        return Trajectories(names, points, valid, quality, np.array(self._times), "px", "image", self._regions)

    def _begin(self, frame: Frame, found: list[Face]) -> Face | None:
        """The face that the points are on; finds pores where no points are given."""
        if self.points is not None:
            at = np.asarray(self.points, np.float64)
            face = min(found, key=lambda f: _apart(f, at), default=None)
            if face is None and self.by == "mesh":
                raise InputError("no face is in the first frame, so no landmarks can carry points; take --by flow")
            return face
        if not found:
            raise InputError("no face is in the first frame, so there is no skin to look for pores: start elsewhere")
        face = max(found, key=lambda f: f.box.area)
        scale = EYES_MM / float(np.linalg.norm(np.subtract(*face.landmarks.to("coarse5").points[:2, :2])))
        if scale > FINEST_MM:
            raise InputError(
                f"a px shows {scale:.2f} mm of this face, pores need {FINEST_MM} mm or less: take a closer or larger "
                "picture, or follow points of your own"
            )
        pores = find_pores(frame.image, skin_mask(face.landmarks, frame.image.shape[:2]), self.pores)
        if not len(pores.points):
            raise InputError("no pores can be made out: the picture is blurred or compressed too much")
        self.points, self._regions = pores.points, ("pore",) * len(pores.points)
        self.names = tuple(f"pore{i}" for i in range(len(pores.points)))
        return face

    def _check_texture(self) -> None:
        if self.by == "flow" and not self.textured.any():
            raise InputError(
                f"none of the {len(self.textured)} points has texture to follow (grey levels within 17 px differ by "
                f"less than {LEAST_CONTRAST} on average): move them, or take --by mesh"
            )


def _apart(face: Face, points: FloatArray) -> float:
    return float(np.linalg.norm(face.landmarks.points[:, :2].mean(0) - points.mean(0)))


def skin_mask(landmarks: Landmarks, size: tuple[int, int]) -> BoolArray:
    """(H, W) bool, the face without eyes, brows, mouth and nostrils.

    Args:
        landmarks: ``dense478``.
        size: (height, width) px.
    """
    mask = np.zeros(size, np.uint8)

    def fill(group: str, colour: int, grow: float) -> None:
        points = landmarks[group].points[:, :2]
        middle = points.mean(0)
        hull = cv2.convexHull((middle + (points - middle) * grow).astype(np.float32))
        cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), colour)

    fill("face_oval", 1, 0.95)
    for group in BARE:
        fill(group, 0, 1.3)
    return mask.astype(bool)
