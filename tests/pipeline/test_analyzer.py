from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from fakes import FakeDetector, FakeLandmarker, picture
from nasion.core import Face, ImageArray, InputError, Pose, Reading, SchemeError, TaskError
from nasion.landmark.landmarker import Placement
from nasion.pipeline import Analyzer


@dataclass(frozen=True, slots=True)
class Shade(Reading):
    value: float


class ShadeOf:
    """The mean grey of the picture: a reader that needs only the detector."""

    name, needs, gives = "shade", ("detect",), Shade

    def read(self, image: ImageArray, faces: list[Face]) -> list[Shade]:
        return [Shade(1.0, "", float(image.mean())) for _ in faces]


def make(*tasks: object, **options: object) -> tuple[Analyzer, FakeDetector, FakeLandmarker]:
    detector, landmarker = FakeDetector(), FakeLandmarker()
    options = {"detector": detector, "landmarker": landmarker, **options}
    return Analyzer(tasks or ("landmarks", "pose", "eyes"), **options), detector, landmarker  # type: ignore[arg-type]


ONE = picture(("red", 100, 100, 80))
TWO = picture(("red", 100, 100, 80), ("blue", 220, 120, 60))
NONE = picture()


def test_faces_come_with_points_and_all_readings() -> None:
    analyzer, _, _ = make()
    first, second = analyzer(TWO)
    assert first.score > second.score
    assert first.landmarks.scheme.name == "dense478"
    assert isinstance(first.pose, Pose)
    assert set(first.readings) == {"pose", "eyes"}
    assert first.track_id is None


def test_nothing_is_computed_that_nobody_asked_for() -> None:
    analyzer, detector, landmarker = make("detect")
    (face,) = analyzer(ONE)
    assert face.landmarks.scheme.name == "coarse5"
    assert face.readings == {}
    assert (detector.calls, landmarker.calls) == (1, [])
    assert set(make("landmarks", "eyes")[0](ONE)[0].readings) == {"eyes"}


def test_the_landmarker_is_not_even_loaded_for_detection() -> None:
    Analyzer(("detect",), detector=FakeDetector(), landmarker="/no/such/model.onnx")


def test_a_reader_without_points() -> None:
    analyzer, _, landmarker = make(ShadeOf())
    (face,) = analyzer(ONE)
    assert face.shade.value == pytest.approx(ONE.mean())
    assert landmarker.calls == []


def test_a_picture_without_faces_gives_an_empty_list() -> None:
    analyzer, _, _ = make()
    assert analyzer(NONE) == []


def test_without_a_wanted_scheme_faces_carry_the_landmarkers_own() -> None:
    class Few(FakeLandmarker):
        scheme = "ibug68"

        def place_many(self, pairs: Sequence[tuple[ImageArray, Face]], *, passes: int | None = None) -> list[Placement]:
            placed = super().place_many(pairs, passes=passes)
            return [replace(one, landmarks=one.landmarks.to("ibug68")) for one in placed]

    analyzer, _, _ = make(landmarker=Few())
    (face,) = analyzer(ONE)
    assert analyzer.scheme == face.landmarks.scheme.name == "ibug68"
    assert isinstance(face.pose, Pose)
    assert np.isfinite(face.pose.yaw)
    with pytest.raises(SchemeError, match="no conversion leads from 'ibug68' to 'dense478'"):
        make(landmarker=Few(), scheme="dense478")


def test_points_come_in_the_wanted_scheme_and_readers_do_not_mind() -> None:
    analyzer, _, _ = make(scheme="coarse5")
    (face,) = analyzer(ONE)
    assert face.landmarks.scheme.name == "coarse5"
    assert isinstance(face.pose, Pose)


def test_max_faces_keeps_the_best() -> None:
    analyzer, _, _ = make(max_faces=1)
    assert len(analyzer(TWO)) == 1
    assert analyzer(TWO)[0].box.center[0] < 150


def test_a_batch_gives_what_single_pictures_give_and_places_all_points_together() -> None:
    analyzer, detector, landmarker = make()
    together = analyzer.batch([ONE, NONE, TWO])
    assert landmarker.calls == [3]
    assert detector.calls == 3
    alone = [analyzer(image) for image in (ONE, NONE, TWO)]
    for a, b in zip(together, alone, strict=True):
        assert [face.box for face in a] == [face.box for face in b]
        assert all(np.array_equal(x.landmarks.points, y.landmarks.points) for x, y in zip(a, b, strict=True))


def test_an_empty_batch() -> None:
    assert make()[0].batch([]) == []


def test_two_detections_of_one_face_become_one() -> None:
    class Twice(FakeDetector):
        def detect(self, image: ImageArray) -> list[Face]:
            return super().detect(image) * 2

    assert len(make(detector=Twice())[0](ONE)) == 1


def test_swapping_red_and_blue_changes_what_is_seen() -> None:
    analyzer, _, _ = make(ShadeOf())
    warm = np.zeros((240, 320, 3), np.uint8)
    warm[50:150, 50:150] = (230, 30, 30)
    assert analyzer(warm) != []
    assert analyzer(np.where(warm == 230, 0, warm)) == []


@pytest.mark.parametrize(
    "image",
    [
        np.full((20, 20, 3), np.nan),
        np.full((20, 20, 3), np.inf, np.float32),
        np.zeros((20, 20, 3), np.float32),
        np.zeros((20, 20, 3), np.uint16),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((1, 20, 20, 3), np.uint8),
        np.zeros((0, 20, 3), np.uint8),
        [[1, 2, 3]],
        None,
    ],
)
@pytest.mark.parametrize("mode", ["image", "video"])
def test_what_is_no_picture_is_refused_with_advice(image: object, mode: str) -> None:
    with pytest.raises(InputError, match="an image must"):
        make(mode=mode)[0](image)  # type: ignore[arg-type]


def test_a_task_that_forgets_a_face_is_named() -> None:
    class Forgetful(ShadeOf):
        def read(self, image: ImageArray, faces: list[Face]) -> list[Shade]:
            return super().read(image, faces)[:-1]

    with pytest.raises(TaskError, match="task 'shade' gave 1 readings for 2 faces"):
        make(Forgetful())[0](TWO)


def test_options_that_make_no_sense_are_refused() -> None:
    for wrong in ({"mode": "movie"}, {"max_faces": 0}, {"passes": 0}, {"detect_every": 0}):
        with pytest.raises(InputError):
            make(**wrong)
    with pytest.raises(SchemeError, match="no scheme 'ibug86'"):
        make(scheme="ibug86")
    with pytest.raises(TaskError, match="no task"):
        make("telepathy")


def test_accurate_is_for_models_that_are_loaded_here() -> None:
    with pytest.raises(InputError, match="made already"):
        make(accurate=True)


def test_fast_is_the_embedded_landmarkers_smaller_twin() -> None:
    fast = Analyzer(("landmarks",), detector=FakeDetector(), fast=True)
    assert fast._landmarker.session.path.name == "landmarker_fast.onnx"
    for other in ({"accurate": True}, {"landmarker": "pfld68"}, {"landmarker": FakeLandmarker()}):
        with pytest.raises(InputError, match="drop one"):
            Analyzer(("landmarks",), detector=FakeDetector(), fast=True, **other)


def test_pictures_have_no_time() -> None:
    with pytest.raises(InputError, match="mode='video'"):
        make()[0](ONE, 0.5)


class TestVideo:
    def test_a_face_keeps_its_id_and_the_detector_rests(self) -> None:
        analyzer, detector, _ = make(mode="video", detect_every=10)
        for i in range(20):
            (face,) = analyzer(picture(("red", 60 + 5 * i, 100, 80)), i / 25)
            assert face.track_id == 0
            # detector times presence when it is found, presence while it is followed
            assert face.score == pytest.approx(0.9 * 0.95 if i == 0 else 0.95)
        assert detector.calls == 2

    def test_noface_face(self) -> None:
        analyzer, _, _ = make(mode="video")
        assert [len(analyzer(image, i / 25)) for i, image in enumerate([NONE] * 3 + [ONE] * 3)] == [0, 0, 0, 1, 1, 1]

    def test_face_noface_face_within_the_gap_is_one_id(self) -> None:
        analyzer, _, _ = make(mode="video", max_gap_s=1.0)
        ids = [[f.track_id for f in analyzer(im, i / 25)] for i, im in enumerate([ONE] * 3 + [NONE] * 10 + [ONE] * 3)]
        assert ids == [[0]] * 3 + [[]] * 10 + [[0]] * 3

    def test_face_noface_face_beyond_the_gap_is_a_new_id(self) -> None:
        analyzer, _, _ = make(mode="video", max_gap_s=0.2)
        ids = [[f.track_id for f in analyzer(im, i / 25)] for i, im in enumerate([ONE] * 3 + [NONE] * 10 + [ONE] * 3)]
        assert ids == [[0]] * 3 + [[]] * 10 + [[1]] * 3

    def test_a_face_that_jumps_is_found_on_the_same_frame(self) -> None:
        analyzer, detector, _ = make(mode="video")
        analyzer(picture(("red", 60, 60, 60)), 0.0)
        (face,) = analyzer(picture(("red", 250, 180, 60)), 0.04)
        assert face.track_id == 1
        assert detector.calls == 2

    def test_frames_without_times_are_taken_as_they_come(self) -> None:
        analyzer, _, _ = make(mode="video")
        assert [analyzer(ONE)[0].track_id for _ in range(5)] == [0] * 5

    def test_detections_alone_are_tracked(self) -> None:
        analyzer, detector, landmarker = make("detect", mode="video")
        for i in range(5):
            assert [f.track_id for f in analyzer(TWO, i / 25)] == [0, 1]
        assert (detector.calls, landmarker.calls) == (5, [])

    def test_going_back_in_time_needs_a_reset(self) -> None:
        analyzer, _, _ = make(mode="video")
        analyzer(ONE, 5.0)
        with pytest.raises(InputError, match=r"5.0 s; call reset\(\) before another clip"):
            analyzer(ONE, 0.0)
        analyzer.reset()
        assert analyzer(ONE, 0.0)[0].track_id == 0

    def test_a_batch_is_no_video(self) -> None:
        with pytest.raises(InputError, match="separate pictures"):
            make(mode="video")[0].batch([ONE])

    def test_another_mode_shares_the_models_but_not_the_clip(self) -> None:
        analyzer, detector, _ = make(mode="video")
        analyzer(ONE, 5.0)
        other = analyzer.in_mode("video")
        assert other(ONE, 0.0)[0].track_id == 0
        assert detector.calls == 2
        assert analyzer(ONE, 5.1)[0].track_id == 0
        assert analyzer.in_mode("image")(ONE)[0].track_id is None
