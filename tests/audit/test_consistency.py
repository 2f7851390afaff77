"""What is measured on a face without true points, and how faces and labels come together."""

from dataclasses import fields

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fakes import FakeLandmarker, picture
from nasion.audit import LandmarkConsistency, join, read_labels
from nasion.audit.capture import blur_effect, surroundings
from nasion.audit.consistency import JITTERS, Consistency
from nasion.core import Box, Face, InputError, Landmarks, scheme
from nasion.landmark import Landmarker
from nasion.landmark.landmarker import Placement
from nasion.media import FrameResult
from nasion.pipeline import Analyzer

SIZE = 100.0


class Skewed:
    """A landmarker that lies ``mirrored`` px to the right on mirrored pictures and ``moved`` px down on moved crops."""

    def __init__(self, face: Face, width: int, mirrored: float = 0.0, moved: float = 0.0) -> None:
        self.face, self.width, self.mirrored, self.moved = face, width, mirrored, moved
        self.passes: int | None = None

    def place_many(self, pairs, *, passes=None):
        self.passes = passes
        first = pairs[0][0]
        out = []
        for image, _ in pairs:
            turned = image is first
            points = self.face.landmarks.flip(self.width) if turned else self.face.landmarks
            shift = np.array([self.mirrored, 0, 0]) if turned else np.array([0, self.moved, 0])
            moved = Landmarks(points.points + shift.astype(np.float32), points.visibility, points.sigma, points.scheme)
            out.append(Placement(moved, 1.0))
        return out


def head(x: float = 160, y: float = 120) -> Face:
    """The mean face as `FakeLandmarker` lays it on a square of 100 px."""
    image = picture(("red", x, y, SIZE))
    box = Box(x - 50, y - 50, x + 49, y + 49)
    guess = Face(box, 0.9, Landmarks.from_points(np.zeros((5, 2)), scheme("coarse5")))
    return Face(box, 0.9, FakeLandmarker().place_many([(image, guess)])[0].landmarks)


def read(landmarker, face, image=None) -> Consistency:
    image = picture(("red", 160, 120, SIZE)) if image is None else image
    (reading,) = LandmarkConsistency(landmarker).read(image, [face])
    return reading


def test_a_landmarker_that_agrees_with_itself_scores_zero():
    face = head(90)  # not in the middle, where a picture that is not mirrored back would go unnoticed
    reading = read(Skewed(face, 320), face)
    assert reading.mirror == pytest.approx(0, abs=1e-5)
    assert reading.jitter == pytest.approx(0, abs=1e-5)
    assert reading.hidden == pytest.approx(0.1)
    assert reading.off_center == pytest.approx(70 / np.sqrt(face.landmarks.to("ibug68").box.area), rel=0.05)


def test_each_disagreement_is_measured_over_the_faces_size():
    face = head()
    size = np.sqrt(face.landmarks.to("ibug68").box.area)
    placer = Skewed(face, 320, mirrored=4.0, moved=3.0)
    reading = read(placer, face)
    assert reading.mirror == pytest.approx(4 / size, rel=1e-3)
    assert reading.mirror_jaw == pytest.approx(4 / size, rel=1e-3)
    assert reading.jitter == pytest.approx(3 / size, rel=1e-3)
    assert reading.height == pytest.approx(face.landmarks.to("ibug68").box.height)
    assert placer.passes == 1


def test_heads_that_differ_are_seen():
    face = head()
    own = face.landmarks.to("ibug68")
    moved = Landmarks(own.points + np.float32([2, 0, 0]), own.visibility, own.sigma, own.scheme)
    dense = face.landmarks
    two = Face(face.box, 0.9, Landmarks(dense.points, dense.visibility, dense.sigma, dense.scheme, {"ibug68": moved}))
    size = np.sqrt(moved.box.area)
    assert read(Skewed(two, 320), two).heads == pytest.approx(2 / size, rel=0.01)


def test_the_real_landmarker_agrees_with_itself_within_a_few_per_cent(astronaut):
    landmarker = Landmarker(threads=1)
    task = LandmarkConsistency(landmarker)
    analyzer = Analyzer(("landmarks", "pose", task), landmarker=landmarker, max_faces=1, threads=1)
    blurred = np.asarray(gaussian_filter(astronaut.astype(float), (4, 4, 0)), np.uint8)
    sharp, soft = (analyzer(image)[0].readings["consistency"] for image in (astronaut, blurred))
    for look in (sharp, soft):
        for error in (look.mirror, look.jitter, look.heads, look.sigma):
            assert 0 < error < 0.04
        assert look.eye_distance == pytest.approx(0.62, abs=0.08)
    assert sharp.blur < soft.blur - 0.1
    assert sharp.light == pytest.approx(soft.light, abs=0.05)
    assert len(JITTERS) == 4


def test_blur_is_blur_and_not_contrast():
    rng = np.random.default_rng(0)
    sharp = rng.uniform(0, 255, (80, 80))
    soft = gaussian_filter(sharp, 2)
    assert blur_effect(sharp) < 0.3 < blur_effect(soft)
    assert blur_effect(0.2 * sharp + 30) == pytest.approx(blur_effect(sharp), abs=1e-3)
    assert blur_effect(np.full((20, 20), 9.0)) == 1.0


def test_light_is_measured_around_the_face_not_on_it():
    luma = np.full((200, 200), 100.0, np.float32)
    corners = np.array([[60.0, 60], [140, 60], [140, 140], [60, 140]])
    for skin in (10.0, 240.0):
        luma[60:141, 60:141] = skin
        light, contrast = surroundings(luma, Box(60, 60, 140, 140), corners)
        assert light == pytest.approx(100 / 255, abs=1e-4)
        assert contrast == pytest.approx(0, abs=1e-4)


def labels_file(folder, text):
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def test_labels_are_read(tmp_path):
    known = read_labels(labels_file(tmp_path, "file,age,name,subject\na.png,old,A,1\nb.png,young,B,1\nc.png,,C,2\n"))
    assert known.files == ("a.png", "b.png", "c.png")
    assert known.attributes["age"] == ("old", "young", "")
    assert known.subjects == ("1", "1", "2")
    assert not known.points
    only = read_labels(tmp_path / "labels.csv", ["age"])
    assert list(only.attributes) == ["age"]


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("picture,age\na.png,old\n", (), "column 'file'"),
        ("file,age\na.png,old\nb.png,old\n", (), "different values"),
        ("file,age\na.png,old\na.png,young\n", (), "twice"),
        ("file,age\na.png,old\nb.png,young\n", ("race",), "no attribute race"),
        ("file,age,yaw,pitch,roll\na.png,old,1,2,x\nb.png,young,1,2,3\n", (), "no number"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tmp_path, text, wanted, message):
    with pytest.raises(InputError, match=message):
        read_labels(labels_file(tmp_path, text), wanted)


def reading(off_center: float, mirror: float = 0.01) -> Consistency:
    plain = dict.fromkeys((f.name for f in fields(Consistency)), 0.5) | {
        "reason": "",
        "mirror": mirror,
        "off_center": off_center,
    }
    return Consistency(**plain)


def seen(face: Face, off_center: float, mirror: float = 0.01) -> Face:
    return face.with_reading("consistency", reading(off_center, mirror))


def test_the_labelled_face_is_the_one_in_the_middle(tmp_path):
    known = read_labels(labels_file(tmp_path, "file,age\nmore/a.png,old\nb.png,young\nlost.png,old\nc.png,old\n"))
    results = [
        FrameResult("/data/more/a.png", (seen(head(60), 1.2, 0.5), seen(head(), 0.1, 0.03))),
        FrameResult("/data/b.png"),
        FrameResult("/data/lost.png", error="it is damaged"),
    ]
    table = join(results, known)
    assert table.files == ("more/a.png", "b.png")  # c.png was not among the pictures
    np.testing.assert_array_equal(table.found, [True, False])
    assert table.errors == {"lost.png": "it is damaged"}
    assert table.outcomes["mirror"][0] == 0.03
    assert np.isnan(table.outcomes["mirror"][1])
    assert table.primary == "mirror"
    with pytest.raises(InputError, match="not one picture"):
        join(results[:1], read_labels(labels_file(tmp_path, "file,age\nx.png,old\ny.png,young\n")))


def test_true_points_give_a_true_error_and_pick_the_face(tmp_path):
    face = head(60)
    truth = face.landmarks.to("ibug68").points[:, :2]
    names = ",".join(f"x{i},y{i}" for i in range(68))
    numbers = ",".join(f"{v}" for v in (truth + np.array([3.0, 0.0])).ravel())
    text = f"file,age,yaw,pitch,roll,{names}\na.png,old,30,-5,2,{numbers}\nb.png,young,1,2,3,{numbers}\n"
    table = join(
        [FrameResult("a.png", (seen(face, 1.2), seen(head(), 0.1))), FrameResult("b.png", (seen(head(260), 0.1),))],
        read_labels(labels_file(tmp_path, text)),
    )
    size = np.sqrt(Box.around(truth).area)
    assert table.outcomes["nme"][0] == pytest.approx(3 / size, rel=1e-3)
    assert not table.found[1]  # a face elsewhere is not the labelled one
    assert table.confounders["yaw"][0] == 30  # as annotated
    assert table.primary == "nme"
