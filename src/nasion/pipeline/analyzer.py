"""The Analyzer: pixels in, faces with readings out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from nasion.core import Face, ImageArray, InputError, Reading, TaskError
from nasion.core import scheme as find_scheme
from nasion.core.convert import conversion_path
from nasion.media import check_image
from nasion.pipeline.task import Task, TaskLike, plan_tasks
from nasion.track import Refiner, Smoother, Tracker, without_duplicates

if TYPE_CHECKING:
    from nasion.landmark import EyeRefiner, Placement

Mode: TypeAlias = Literal["image", "video"]

EMBEDDED = "landmarker"
DEFAULT_TASKS = ("landmarks", "pose", "eyes")
BEGIN_A_TRACK = 0.4  # share of the doubt allowed to a followed face that a new one may leave
USUAL_STEP = 1 / 30  # s between frames that come without a time


class FaceFinder(Protocol):
    """What the Analyzer asks of a detector; `nasion.detect.FaceDetector` is one."""

    def detect(self, image: ImageArray) -> list[Face]:
        """Faces with five points (``coarse5``), best score first."""

    def detect_batch(self, images: Sequence[ImageArray]) -> list[list[Face]]:
        """The same for several images."""


class PointPlacer(Protocol):
    """What the Analyzer asks of a landmarker; `nasion.landmark.Landmarker` is one."""

    def place_many(self, pairs: Sequence[tuple[ImageArray, Face]], *, passes: int | None = None) -> Sequence[Placement]:
        """Points for each (image, face), the crop cut anew ``passes`` times."""


class Analyzer:
    """Finds faces, places their points and runs the tasks that were asked for, and nothing else.

    Args:
        tasks: names (`nasion.pipeline.task_names`) or task objects. ``("detect",)`` runs the detector alone: faces then
            carry its five points.
        mode: ``"image"``: each picture for itself. ``"video"``: pictures are frames of one clip, in order; faces get
            ``track_id`` and their points are followed from frame to frame, see `nasion.track.Tracker`.
        scheme: layout of the points given out; None is the landmarker's own. Readers work on what the model placed,
            whatever this says.
        detector, landmarker: name of a model or path of an ONNX file, or an object that does the work.
        threshold: 0..1, detector score from which something counts as a face; None is the detector's own choice.
        presence: 0..1, video only: how sure the landmarker must be that it still looks at a face. To begin a track
            and the detector must be surer together, by 60 % of the way to 1: a new face may be a plant or a logo.
        max_faces: give only this many faces, the best first (in video: those known longest first); None is all.
        passes: looks at a newly detected face, each at a crop cut anew from the points just placed, every other one
            mirrored; their answers are averaged. Followed faces need one.
        fast: place points with the embedded landmarker's smaller twin, `landmarker_fast`: half the time, for video and
            many faces, and a little less exact, as its card says.
        accurate: let the last look be three, each a little turned and zoomed: the error of the 68 points of a followed
            face falls by a thirtieth, of a newly detected one by a hundredth, for two more runs of the network.
        tiles: look for small faces in overlapping tiles of large pictures, too, as `nasion.detect.FaceDetector` does.
        brighten: have the detector look at dark pictures made brighter, as `nasion.detect.FaceDetector` does.
        device: ``"cpu"`` or a provider name, as for `nasion.models.Session`.
        threads: inference threads; None is one for video, whose stages already share the cores, else one for each
            core up to four.
        smooth: video only: pass the points through a One-Euro filter.
        refine: video only: name or file of a refiner (`nasion.track.Refiner`), which takes the filter's place. It sees
            the frames before, and in `nasion.pipeline.run_video` two after as well.
        detect_every: video only: frames from one detection to the next while all faces are followed; so long may
            somebody new go unseen, half a second at 30 frames/s.
        max_gap_s: video only: seconds a face may be lost and still keep its id.

    Raises:
        TaskError: a task does not exist or its needs cannot be met.
        SchemeError: there is no such scheme.
        ModelError: a model cannot be found or loaded.
        InputError: an option makes no sense.
    """

    def __init__(
        self,
        tasks: Sequence[TaskLike] = DEFAULT_TASKS,
        *,
        mode: Mode = "image",
        scheme: str | None = None,
        detector: str | Path | FaceFinder = "detector",
        landmarker: str | Path | PointPlacer = EMBEDDED,
        threshold: float | None = None,
        presence: float = 0.5,
        max_faces: int | None = None,
        passes: int = 2,
        fast: bool = False,
        accurate: bool = False,
        tiles: bool = False,
        brighten: bool = False,
        device: str = "cpu",
        threads: int | None = None,
        smooth: bool = True,
        refine: str | Path | None = None,
        detect_every: int = 15,
        max_gap_s: float = 1.5,
    ) -> None:
        if max_faces is not None and max_faces < 1:
            raise InputError(f"max_faces must be 1 or more, or None for all, got {max_faces}")
        if passes < 1:
            raise InputError(f"passes must be 1 or more, got {passes}")
        self.tasks, self.mode = tuple(tasks), _check_mode(mode)
        if scheme is not None:
            find_scheme(scheme)
        self._plan = plan_tasks(tasks)
        self._max_faces, self._passes, self._presence = max_faces, passes, presence
        self._smooth, self._detect_every, self._max_gap_s = smooth, detect_every, max_gap_s
        self._refine_with = None if refine is None else Refiner(refine, device=device, threads=threads or 1)
        self.reset()
        if threads is None and mode == "video":
            threads = 1
        self._detector = _load_detector(detector, tiles, brighten, threshold, device, threads)
        if fast:
            landmarker = _fast(landmarker, accurate)
        self._landmarker = _load_landmarker(landmarker, accurate, device, threads) if self._plan.place else None
        self._eyes = _load_eyes(device, threads) if self._plan.eyes else None
        self.scheme = _scheme_given_out(self._landmarker, scheme)

    def __call__(self, image: ImageArray, time_s: float | None = None) -> list[Face]:
        """The faces of one picture, or of the next frame of a clip.

        Args:
            image: RGB uint8 (H, W, 3). BGR is not noticed, it only makes results worse.
            time_s: video mode only: the frame's time, seconds; without it frames count as 1/30 s apart.

        Returns:
            Faces, best detector score first; in video mode with ids, the oldest id first. Empty when there are none.

        Raises:
            InputError: ``image`` is no picture, or the frame comes before the one before it.
            TaskError: a task did not give one reading per face.
        """
        image = check_image(image)
        if self.mode == "video":
            return self._next(image, time_s)
        if time_s is not None:
            raise InputError("time_s is for Analyzer(mode='video'); this one takes each picture for itself")
        return self.read(image, self._place_all([image], [self._detector.detect(image)])[0])

    def batch(self, images: Iterable[ImageArray]) -> list[list[Face]]:
        """The faces of each picture; points are placed on all faces of all pictures together.

        Raises:
            InputError: an image is no picture, or this Analyzer follows a video.
        """
        if self.mode == "video":
            raise InputError("batch is for separate pictures, Analyzer(mode='image'); give frames one by one, in order")
        checked = [check_image(image) for image in images]
        placed = self._place_all(checked, self._detector.detect_batch(checked))
        return self.read_all(checked, placed, [None] * len(checked))

    def look(self, image: ImageArray, number: int) -> list[Face] | None:
        """First of the three steps of a frame, video mode only; `nasion.pipeline.run_video` runs each in its thread.

        Args:
            image: the next frame.
            number: how many frames of this clip came before.

        Returns:
            What the detector finds, on frames that it sees whatever happens; None on others.
        """
        return self._detector.detect(check_image(image)) if self._tracker.scheduled(number) else None

    def follow(self, image: ImageArray, time_s: float, found: list[Face] | None) -> list[Face]:
        """Second of the steps: points on known and new faces, and who is who.

        A face that gets lost has the detector look at once.

        Args:
            image: the frame.
            time_s: seconds, not before the last frame's.
            found: what `look` gave.
        """
        tracker = self._tracker
        if found is None and tracker.due():
            found = self._detector.detect(image)
        placed = self._candidates(image, time_s, found)
        if found is None and any(face.score < tracker.keep for face in placed):
            found = self._detector.detect(image)
            placed = self._candidates(image, time_s, found)
        return tracker.update(time_s, placed)

    def read(self, image: ImageArray, faces: list[Face], time_s: float | None = None) -> list[Face]:
        """Last of the steps: steady the points, run the readers, bring the points into the wanted scheme.

        Eye points are placed between readers that do not need them and those that do.

        Args:
            image: the picture or frame.
            faces: what `follow` gave.
            time_s: seconds; None for a picture, or a frame already refined: points are left as they are.
        """
        return self.read_all([image], [faces], [time_s])[0]

    def read_all(
        self, images: Sequence[ImageArray], found: Sequence[list[Face]], times: Sequence[float | None]
    ) -> list[list[Face]]:
        """`read` for several pictures, or frames in order; readers of points alone take all their faces together.

        Args:
            images, found, times: for each picture what `read` takes.
        """
        faces = [
            some if time_s is None else self._steadied(some, time_s) for some, time_s in zip(found, times, strict=True)
        ]
        faces = self._readings(images, faces, self._plan.readers)
        if self._eyes is not None:
            faces = [_with_eyes(image, some, self._eyes) for image, some in zip(images, faces, strict=True)]
            faces = self._readings(images, faces, self._plan.eye_readers)
        if self._landmarker is None:
            return faces
        return [[_in_scheme(face, self.scheme) for face in some] for some in faces]

    @staticmethod
    def _readings(images: Sequence[ImageArray], faces: list[list[Face]], tasks: Sequence[Task]) -> list[list[Face]]:
        one_size = len({image.shape for image in images}) == 1
        for task in tasks:
            if one_size and getattr(task, "points_only", False):
                read = iter(_with_reading(images[0], list(chain.from_iterable(faces)), task))
                faces = [list(islice(read, len(some))) for some in faces]
            else:
                faces = [_with_reading(image, some, task) for image, some in zip(images, faces, strict=True)]
        return faces

    def _steadied(self, faces: list[Face], time_s: float) -> list[Face]:
        if self._refiner is not None:
            return self._refiner.feed(faces, time_s) or []
        return faces if self._smoother is None else self._smoother(faces, time_s)

    def refiner(self, ahead: int) -> Refiner | None:
        """A refiner with no clip begun that sees ``ahead`` frames ahead; None where none was asked for."""
        return None if self._refine_with is None else self._refine_with.fresh(ahead)

    @property
    def readings(self) -> dict[str, type[Reading]]:
        """Task name to reading type, of all readings that its faces carry: the table's columns follow from it."""
        return {task.name: task.gives for task in (*self._plan.readers, *self._plan.eye_readers)}

    def reset(self) -> None:
        """Forget the clip, in video mode: ids begin at 0 again."""
        self._time_s: float | None = None
        self._number = 0
        self._tracker = Tracker(
            detect_every=self._detect_every,
            max_gap_s=self._max_gap_s,
            start=1 - BEGIN_A_TRACK * (1 - self._presence) if self._plan.place else 0.0,
            keep=self._presence if self._plan.place else 0.0,
            follow=self._plan.place,
        )
        self._smoother = Smoother(self._max_gap_s) if self._smooth else None
        self._refiner = self.refiner(0)

    def in_mode(self, mode: Mode) -> Analyzer:
        """An Analyzer with the same options and models in another mode, with no clip begun."""
        other = copy(self)
        other.mode = _check_mode(mode)
        other.reset()
        return other

    def _place_all(self, images: Sequence[ImageArray], detections: Sequence[list[Face]]) -> list[list[Face]]:
        """The detected faces of each picture with their points; two detections that end on one face become one."""
        found = [faces[: self._max_faces] for faces in detections]
        if self._landmarker is None:
            return found
        pairs = [(image, face) for image, faces in zip(images, found, strict=True) for face in faces]
        points = iter(self._landmarker.place_many(pairs, passes=self._passes))
        placed = [[replace(face, landmarks=next(points).landmarks) for face in faces] for faces in found]
        return [without_duplicates(faces) for faces in placed]

    def _next(self, image: ImageArray, time_s: float | None) -> list[Face]:
        time_s = self._next_time(time_s)
        found = self.look(image, self._number)
        self._number += 1
        return self.read(image, self.follow(image, time_s, found), time_s)

    def _next_time(self, time_s: float | None) -> float:
        last = self._time_s
        if time_s is None:
            time_s = 0.0 if last is None else last + USUAL_STEP
        if last is not None and time_s < last:
            raise InputError(f"frames must come in order: {time_s} s after {last} s; call reset() before another clip")
        self._time_s = time_s
        return time_s

    def _candidates(self, image: ImageArray, time_s: float, found: list[Face] | None) -> list[Face]:
        faces = self._tracker.candidates(time_s, found)[: self._max_faces]
        if self._landmarker is None:
            return faces
        placed = list(faces)
        for fresh, passes in ((True, self._passes), (False, 1)):  # a followed face is already well framed
            chosen = [i for i, face in enumerate(faces) if (face.landmarks.scheme.name == "coarse5") is fresh]
            placements = self._landmarker.place_many([(image, faces[i]) for i in chosen], passes=passes)
            for i, place in zip(chosen, placements, strict=True):
                box = place.landmarks.box  # of the same kind on frames with and without a detection
                sure = place.presence * (faces[i].score if fresh else 1.0)  # a new face has to convince both
                placed[i] = Face(box, sure, place.landmarks, faces[i].track_id, faces[i].readings)
        return placed


def _with_reading(image: ImageArray, faces: list[Face], task: Task) -> list[Face]:
    if not faces:
        return []
    readings = task.read(image, faces)
    if len(readings) != len(faces):
        raise TaskError(f"task {task.name!r} gave {len(readings)} readings for {len(faces)} faces")
    return [face.with_reading(task.name, reading) for face, reading in zip(faces, readings, strict=True)]


def _in_scheme(face: Face, scheme: str) -> Face:
    return face if face.landmarks.scheme.name == scheme else replace(face, landmarks=face.landmarks.to(scheme))


def _with_eyes(image: ImageArray, faces: list[Face], eyes: EyeRefiner) -> list[Face]:
    if not faces:
        return []
    better = eyes.refine(image, [face.landmarks for face in faces])
    return [replace(face, landmarks=points) for face, points in zip(faces, better, strict=True)]


def _scheme_given_out(landmarker: PointPlacer | None, wanted: str | None) -> str:
    """What faces carry in the end; a way that does not exist is refused now, not when the first face comes."""
    if landmarker is None:
        return "coarse5"  # the detector's
    own: str | None = getattr(landmarker, "scheme", None)
    if own is not None and wanted is not None:
        conversion_path(own, wanted)
    return wanted or own or "dense478"


def _check_mode(mode: Mode) -> Mode:
    if mode not in ("image", "video"):
        raise InputError(f"mode must be 'image' or 'video', got {mode!r}")
    return mode


def _load_detector(
    model: str | Path | FaceFinder,
    tiles: bool,
    brighten: bool,
    threshold: float | None,
    device: str,
    threads: int | None,
) -> FaceFinder:
    if not isinstance(model, str | Path):
        if tiles or brighten:
            asked = "tiles" if tiles else "brighten"
            raise InputError(f"{asked}=True is for a detector given by name or file; this one is made already")
        return model
    from nasion.detect import FaceDetector

    return FaceDetector(model, tiles=tiles, brighten=brighten, threshold=threshold, device=device, threads=threads)


def _fast(landmarker: str | Path | PointPlacer, accurate: bool) -> str:
    if accurate or landmarker != EMBEDDED:
        other = "accurate=True" if accurate else f"landmarker={landmarker!r}"
        raise InputError(
            f"fast=True chooses the embedded landmarker's smaller twin, which {other} contradicts: drop one"
        )
    return f"{EMBEDDED}_fast"


def _load_landmarker(model: str | Path | PointPlacer, accurate: bool, device: str, threads: int | None) -> PointPlacer:
    if not isinstance(model, str | Path):
        if accurate:
            raise InputError("accurate=True is for a landmarker given by name or file; this one is made already")
        return model
    from nasion.landmark import Landmarker

    return Landmarker(model, accurate=accurate, device=device, threads=threads)


def _load_eyes(device: str, threads: int | None) -> EyeRefiner:
    from nasion.landmark import EyeRefiner

    return EyeRefiner(device=device, threads=threads)
