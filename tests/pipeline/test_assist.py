"""What is said: order, limits, words, distances; and one-press enrolment. Networks are faked but for the last tests."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from conftest import shared_data
from fakes import COLOURS, FakeDetector, FakeLandmarker, picture
from nasion.core import Camera, Face, FloatArray, ImageArray, InputError, Landmarks, scheme
from nasion.identity import FaceEmbedder, Gallery, aligned_crop, quality
from nasion.identity import embedding as embedding_module
from nasion.identity.embedding import TEMPLATE
from nasion.pipeline import Analyzer, analyzer
from nasion.pipeline import assist as assist_module
from nasion.pipeline.assist import (
    EYES_M,
    NEAR_M,
    PROMPT,
    REPEAT_S,
    Announcer,
    Assistant,
    Seen,
    distance_m,
    distance_words,
    scene_words,
)
from nasion.pipeline.enrolment import from_photos, press
from nasion.synth.scene import place

CAMERA = Camera.for_image(640, 480)


class ByColour:
    """Stands for the network: the colour of the square says who it is, the picture's noise makes views differ."""

    name = "colours"

    def __call__(self, image: ImageArray, faces: Sequence[Face]) -> FloatArray:
        rows = []
        for face in faces:
            x, y = (int(v) for v in face.box.center)
            seen = image[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3).mean(0)
            away = [np.linalg.norm(seen - np.array(colour)) for colour in COLOURS.values()]
            row = 0.05 * np.random.default_rng(int(image.sum()) % 9973).normal(size=8)
            row[int(np.argmin(away))] += 1
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, np.float32).reshape(len(faces), -1)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyzer, "_load_detector", lambda *_: FakeDetector())
    monkeypatch.setattr(analyzer, "_load_landmarker", lambda *_: FakeLandmarker())
    fit = embedding_module.Quality(80, 0, 1, "")
    for module in (assist_module,):
        monkeypatch.setattr(module, "quality", lambda *_: fit)
    monkeypatch.setattr("nasion.pipeline.enrolment.quality", lambda *_: fit)


def enrolled(*colours: str) -> Gallery:
    gallery = Gallery()
    for name, colour in zip(("Anna", "Ben"), colours, strict=False):
        image = picture((colour, 100, 100, 80))
        gallery.enrol(name, ByColour()(image, FakeDetector().detect(image)))
    return gallery


def seen(name: str | None, metres: float = 2.0, side: str = "ahead", track: int = 0) -> Seen:
    return Seen(track, name, side, metres, "")  # type: ignore[arg-type]  # a side


def head(yaw: float, metres: float, x: float = 0.0) -> Face:
    """The mean face, exactly as a camera would see it."""
    dense = scheme("dense478")
    pose = place(yaw, 0, 0, (1000 * x, 0.0, 1000 * metres))
    solid = dense.template.astype(np.float64) @ pose.camera_rotation.T + np.array(pose.translation)
    points = CAMERA.project(solid).astype(np.float32)
    marks = Landmarks.from_points(points, dense)
    return Face(marks.box, 1.0, marks, readings={"pose": pose})


# ------------------------------------------------------------------------------------------------ distance


@pytest.mark.parametrize("yaw", [0.0, 12.0, -19.0, 35.0, -44.0])
@pytest.mark.parametrize("metres", [0.5, 1.0, 2.5])
def test_the_distance_holds_while_the_head_turns(yaw: float, metres: float) -> None:
    """The mean face's eyes are 62 mm apart and lie before the point that the metres are measured to."""
    for x in (0.0, 0.35 * metres):
        face = head(yaw, metres, x)
        pose = face.readings["pose"]
        middle = scheme("dense478").template[[468, 473]].mean(0) @ pose.camera_rotation.T + np.array(pose.translation)
        assert distance_m(face, CAMERA) == pytest.approx(float(np.linalg.norm(middle)) / 1000, rel=0.07)


def test_without_the_turn_divided_out_turned_heads_seem_far() -> None:
    face = replace(head(44.0, 1.0), readings={})
    assert distance_m(face, CAMERA) > 1.25


def test_distances_in_words() -> None:
    words = [distance_words(m) for m in (0.2, 0.5, 1.0, 2.0, 5.0, 9.0, float("nan"))]
    assert words == [
        "within reach", "about half a metre", "about one metre", "about two metres", "about five metres",
        "more than five metres", "distance unknown",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ what is said when


def test_nothing_is_said_twice_within_thirty_seconds_and_again_afterwards() -> None:
    say = Announcer()
    times = [t for t in np.arange(0, 95, 0.25) if say([seen("Anna")], float(t))]
    assert times == [0.0, REPEAT_S, 2 * REPEAT_S, 3 * REPEAT_S]
    again = Announcer()
    gone = [t for t in np.arange(0, 40, 0.25) if again([seen("Anna")] if t % 10 < 3 else [], float(t))]
    assert gone == [0.0, REPEAT_S]  # coming back after seven seconds is not news


def test_what_is_close_comes_before_the_known_and_those_before_the_unknown() -> None:
    say = Announcer()
    people = [seen("", 3.0, "left", 1), seen("Anna", 2.0, "ahead", 2), seen("Ben", 0.6, "right", 3)]
    lines = [line for t in np.arange(0, 5, 0.25) for line in say(people, float(t))]
    assert [line.kind for line in lines] == ["obstacle", "known", "known", "unknown"]
    assert [line.text for line in lines] == [
        "Close, right, about half a metre.", "Ben, right, about half a metre.", "Anna, ahead, about two metres.",
        "Someone unknown, left, about three metres.",
    ]  # fmt: skip
    gaps = np.diff([line.time_s for line in lines[1:]])
    assert (gaps >= 1.0).all()


def test_somebody_between_two_distances_is_said_once() -> None:
    say = Announcer()
    near = [
        line.text for t in np.arange(0, 29, 0.25) for line in say([seen("", 0.7 + 0.1 * (t % 1), track=4)], float(t))
    ]
    assert near == ["Close, ahead, about half a metre.", "Someone unknown, ahead, about half a metre."]


def test_crowds_of_strangers_do_not_chatter() -> None:
    say, rng = Announcer(), np.random.default_rng(0)
    sides = ("left", "ahead", "right")
    lines = [
        line
        for t in np.arange(0, 60, 0.25)
        for line in say([seen("", float(rng.uniform(1.2, 6)), sides[int(rng.integers(3))], int(t))], float(t))
    ]
    assert len(lines) <= 6
    assert len({line.text for line in lines if line.time_s < 30}) == sum(line.time_s < 30 for line in lines)


def test_a_name_is_not_said_before_the_frames_agree() -> None:
    assert Announcer()([seen(None)], 0.0) == []


def test_the_scene_in_a_sentence() -> None:
    assert scene_words([]) == "Nobody in view."
    assert scene_words([seen("Anna", 1.0, "left")]) == "One person: Anna, left, about one metre."
    both = [seen("Anna", 1.0, "left"), seen(None, 3.0, "right")]
    assert scene_words(both) == "2 people: Anna, left, about one metre; someone unknown, right, about three metres."


# ------------------------------------------------------------------------------------------------ the loop, faked


@pytest.mark.usefixtures("fakes")
def test_known_people_are_named_strangers_not_and_the_deleted_never_again() -> None:
    gallery = enrolled("red")
    assistant = Assistant(gallery, embedder=ByColour())  # type: ignore[arg-type]  # a stand-in
    frame = picture(("red", 50, 100, 60), ("blue", 280, 100, 60))
    lines = [line for i in range(10) for line in assistant(frame, i / 4).said]
    assert [line.name for line in lines if line.kind == "known"] == ["Anna"]
    assert [line.text.split(",")[0] for line in lines if line.kind == "unknown"] == ["Someone unknown"]
    assert any(line.text.startswith("Anna, left") for line in lines)
    assert [one.side for one in assistant.moment.seen] == ["left", "right"]
    assert "Anna, left" in assistant.scene() and "someone unknown, right" in assistant.scene()
    gallery.delete("Anna")
    later = [line for i in range(24) for line in assistant(frame, 40 + i / 2).said]
    assert later and not any(line.name for line in later)


@pytest.mark.usefixtures("fakes")
def test_beeps_are_faster_the_nearer() -> None:
    assistant = Assistant(Gallery(), embedder=ByColour(), camera=Camera(150, 150, 160, 120))  # type: ignore[arg-type]
    rates = [assistant(picture(("red", 160, 120, side)), i).beep_hz for i, side in enumerate((20, 60, 110))]
    assert rates[0] == 0 and 1 / NEAR_M <= rates[1] < rates[2] <= 4


@pytest.mark.usefixtures("fakes")
def test_a_model_that_describes_is_given_no_names_and_its_guesses_are_not_read_out() -> None:
    asked: list[str] = []

    class Model:
        def describe(self, image: ImageArray, prompt: str) -> str:
            asked.append(prompt)
            return "A step down; Anna stands behind it."

    assistant = Assistant(enrolled("red"), embedder=ByColour())  # type: ignore[arg-type]
    said = assistant.describe(picture(("red", 100, 100, 80)), Model())
    assert said == "A step down; someone stands behind it."
    assert asked == [PROMPT] and "Anna" not in PROMPT


@pytest.mark.usefixtures("fakes")
def test_one_press_takes_the_largest_face_of_three_seconds() -> None:
    rng, looked = np.random.default_rng(0), []

    def frames():
        for i in range(40):
            speck = np.zeros((240, 320, 3), np.uint8)
            speck[0, :40] = rng.integers(0, 60, 3)
            looked.append(i / 5)
            yield picture(("red", 90 + i % 7, 100, 90), ("blue", 250, 100, 50)) + speck, i / 5

    found = press(frames(), ByColour(), Analyzer(("landmarks", "pose"), mode="video"))  # type: ignore[arg-type]
    assert len(found.vectors) == 10 and (found.vectors.argmax(1) == 0).all()  # red is the first colour
    assert max(looked) < 3.3
    photos = from_photos([picture(("green", 100, 100, 80)), picture()], ByColour(), Analyzer(("landmarks", "pose")))  # type: ignore[arg-type]
    assert len(photos.vectors) == 1 and photos.refused == {"no face": 1}
    with pytest.raises(InputError, match="no face in these seconds"):
        press([(picture(), 0.0)], ByColour(), Analyzer(("landmarks", "pose"), mode="video"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="2 x no face"):
        from_photos([picture(), picture()], ByColour(), Analyzer(("landmarks", "pose")))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ crops and quality


def points_on(template: np.ndarray) -> Landmarks:
    return Landmarks.from_points(np.asarray(template, np.float32), scheme("coarse5"))


def test_the_crop_brings_the_five_points_to_their_places() -> None:
    angle, scale, shift = np.radians(25), 2.3, np.array([200.0, 150.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = TEMPLATE @ turn.T + shift - turn @ TEMPLATE.mean(0)
    image = np.zeros((400, 480, 3), np.uint8)
    for x, y in moved:
        image[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5] = 255
    crop = aligned_crop(image, points_on(moved))
    assert crop.shape == (112, 96, 3)
    assert [crop[round(y), round(x)].min() > 150 for x, y in TEMPLATE] == [True] * 5
    assert crop.mean() < 40


def test_small_turned_and_blurred_faces_are_not_compared(astronaut: ImageArray) -> None:
    import cv2

    face = Analyzer(("landmarks", "pose"))(astronaut)[0]
    assert quality(astronaut, face).reason == ""
    turned = replace(face, readings={"pose": replace(face.pose, yaw=-50.0)})
    assert quality(astronaut, turned).reason == "turned by 50 degrees, 45 allowed"
    soft = cv2.GaussianBlur(astronaut, (0, 0), 0.06 * face.landmarks.box.width)
    assert quality(soft, face).reason == "blurred"
    small = replace(face, landmarks=face.landmarks.transform(np.array([[0.3, 0, 0], [0, 0.3, 0]])))
    shrunk = cv2.resize(astronaut, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    assert "40 needed" in quality(shrunk, small).reason


@pytest.mark.usefixtures("shared_models")
def test_the_real_network_tells_two_people_apart(astronaut: ImageArray, hopper: ImageArray) -> None:
    embedder = FaceEmbedder(threads=1)
    analyze = Analyzer(("landmarks",))
    views = [astronaut, np.ascontiguousarray(astronaut[:, ::-1]), (astronaut * 0.7).astype(np.uint8), hopper]
    vectors = np.concatenate([embedder(view, analyze(view)[:1]) for view in views])
    assert vectors.shape == (4, 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert alike[0, 2] > 0.9 and alike[0, 3] < 0.35
    gallery = Gallery()
    gallery.enrol("Eileen", vectors[:1])
    assert gallery.identify(vectors[2]).name == "Eileen" and gallery.identify(vectors[3]).name == ""


@pytest.mark.usefixtures("shared_models")
def test_photos_of_one_person_are_named_and_of_others_not() -> None:
    """Two of the shared people: a look at the whole chain; the figures are the benchmark's."""
    homes = sorted(path for path in shared_data("identity").iterdir() if path.is_dir())[:2]
    embedder = FaceEmbedder(threads=1)
    from nasion.media import read_image

    analyze, found = Analyzer(("landmarks", "pose")), {}
    for home in homes:
        photos = [read_image(path) for path in sorted(home.glob("*.webp"))[:4]]
        found[home.name] = from_photos(photos, embedder, analyze).vectors
    gallery = Gallery()
    gallery.enrol("A", found[homes[0].name][:3])
    assert gallery.identify(found[homes[0].name][3]).name == "A"
    assert [gallery.identify(v).name for v in found[homes[1].name]] == [""] * 4
    assert EYES_M == 0.063
