from dataclasses import replace

import numpy as np
import pytest

from nasion.core import FloatArray, ImageArray, Landmarks, ModelError, scheme
from nasion.core.schemes.dense478 import mean_face
from nasion.landmark import EyeRefiner
from nasion.landmark.eye_points import EYE, HEIGHT, POINTS, WIDTH, eye_crop, eye_rows, eye_views, to_crop, to_picture
from nasion.pipeline import Analyzer
from nasion.pipeline.task import plan_tasks
from nasion.synth import HeadModel, Sample, SceneOptions, render_scene, sample_scene

OPTIONS = SceneOptions(yaw=(-20, 20), pitch=(-8, 8), roll=(-8, 8), fill=(0.55, 0.7), degrade=0.0, expression="neutral")
LOOKS = ((-26.0, 0.0), (-13.0, 4.0), (0.0, -10.0), (13.0, 6.0), (26.0, 0.0), (5.0, 12.0))


@pytest.fixture(scope="module")
def heads() -> list[Sample]:
    """Rendered people of whom each looks somewhere else."""
    model, made = HeadModel.load(), []
    for number, (yaw, pitch) in enumerate(LOOKS):
        scene = sample_scene(np.random.default_rng((77, number)), OPTIONS)
        head = replace(scene.head, gaze=((yaw + 1, pitch), (yaw - 1, pitch)), lids=(None, None))
        made.append(render_scene(replace(scene, head=head), model))
    return made


@pytest.fixture(scope="module")
def refiner() -> EyeRefiner:
    return EyeRefiner(threads=1)


@pytest.fixture(scope="module")
def placed(heads: list[Sample]) -> list[Landmarks]:
    """What the landmarker makes of them."""
    analyzer = Analyzer(("landmarks",), threads=1)
    return [analyzer(sample.image)[0].landmarks for sample in heads]


def face(turn: float = 0.0, size: float = 2.0) -> FloatArray:
    """(478, 2) px, the mean face about the middle of a picture."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    points: FloatArray = mean_face()[:, :2] @ np.array([[c, s], [-s, c]]) * size + (150, 140)
    return points


@pytest.mark.parametrize("turn", [-40.0, 0.0, 25.0])
@pytest.mark.parametrize("side", [0, 1])
def test_points_go_into_the_crop_and_back(side: int, turn: float) -> None:
    points, rows = face(turn), eye_rows()[side]
    views = eye_views(points)
    assert views is not None
    inside = to_crop(points[rows], views[side], side == 1)
    outer, inner = inside[5], inside[13]
    assert outer[0] > inner[0], "every eye is seen as a left one"
    assert np.linalg.norm(outer - inner) == pytest.approx(EYE, rel=0.03)
    assert (outer + inner) / 2 == pytest.approx(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), abs=1e-9)
    assert to_picture(inside, views[side], side == 1) == pytest.approx(points[rows], abs=1e-9)


def test_the_crop_shows_what_the_points_say() -> None:
    points = face(20.0)
    views = eye_views(points)
    assert views is not None
    for side in (0, 1):
        at = points[eye_rows()[side][5]]  # an outer corner, painted white
        image: ImageArray = np.zeros((300, 300, 3), np.uint8)
        x, y = np.meshgrid(np.arange(300), np.arange(300))
        image[np.hypot(x - at[0], y - at[1]) < 2] = 255
        crop = eye_crop(image, views[side], side == 1)
        rows, columns = np.nonzero(crop[..., 0] > 128)
        expected = to_crop(at[None], views[side], side == 1)[0]
        assert (columns.mean(), rows.mean()) == pytest.approx(expected, abs=0.6)


def test_refined_irises_are_where_the_eyes_look(
    heads: list[Sample], placed: list[Landmarks], refiner: EyeRefiner
) -> None:
    truth = np.stack([sample.truth.points for sample in heads])
    width = np.linalg.norm(truth[:, 33] - truth[:, 133], axis=1)[:, None]
    off = {}
    for name, marks in (("placed", placed), ("refined", refined(heads, placed, refiner))):
        found = np.stack([one.points[:, :2] for one in marks])
        off[name] = (np.linalg.norm(found - truth, axis=2)[:, [468, 473]] / width).mean()
    assert off["refined"] < 0.05
    assert off["refined"] < 0.6 * off["placed"]


def test_refined_irises_follow_the_eyes(heads: list[Sample], placed: list[Landmarks], refiner: EyeRefiner) -> None:
    def along(points: FloatArray) -> float:
        places = [(points[iris] - (points[a] + points[b]) / 2) @ (points[263] - points[33]) for iris, a, b in EYES]
        return float(np.mean(places) / ((points[263] - points[33]) ** 2).sum())

    true = [along(sample.truth.points.astype(np.float64)) for sample in heads]
    found = [along(one.points[:, :2].astype(np.float64)) for one in refined(heads, placed, refiner)]
    assert np.polyfit(true, found, 1)[0] == pytest.approx(1, abs=0.15)


EYES = ((468, 33, 133), (473, 263, 362))


def test_a_mirrored_picture_has_mirrored_eyes(
    heads: list[Sample], placed: list[Landmarks], refiner: EyeRefiner
) -> None:
    sample, marks = heads[1], placed[1]
    width, order = sample.image.shape[1], scheme("dense478").flip
    turned = marks.points[order] * (-1, 1, 1) + (width - 1, 0, 0)
    mirror = Landmarks(turned.astype(np.float32), marks.visibility[order], marks.sigma[order], marks.scheme)
    plain = refiner.refine(sample.image, [marks])[0].points
    seen = refiner.refine(np.ascontiguousarray(sample.image[:, ::-1]), [mirror])[0].points
    assert seen[order] * (-1, 1, 1) + (width - 1, 0, 0) == pytest.approx(plain, abs=0.25)


def test_other_points_and_depth_stay(heads: list[Sample], placed: list[Landmarks], refiner: EyeRefiner) -> None:
    before, after = placed[0], refiner.refine(heads[0].image, [placed[0]])[0]
    others = np.setdiff1d(np.arange(478), eye_rows())
    assert (after.points[others] == before.points[others]).all()
    assert (after.points[:, 2] == before.points[:, 2]).all()
    assert (after.points[eye_rows()[:, 0], :2] != before.points[eye_rows()[:, 0], :2]).all()
    assert after.views is before.views


def test_an_iris_behind_shut_lids_does_not_show(refiner: EyeRefiner) -> None:
    scene = sample_scene(np.random.default_rng((77, 2)), OPTIONS)
    shown = {}
    for name, lids in (("open", 42.0), ("shut", 0.0)):
        sample = render_scene(replace(scene, head=replace(scene.head, lids=(lids, lids))), HeadModel.load())
        marks = replace(sample.truth.landmarks(), visibility=np.ones(478, np.float32))
        shown[name] = refiner.refine(sample.image, [marks])[0].visibility[[468, 473]].max()
    assert shown["shut"] < 0.3 < shown["open"]


def test_what_cannot_be_refined_comes_back_as_it_is(refiner: EyeRefiner) -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    points = np.column_stack([face(), np.zeros(478)]).astype(np.float32)
    hidden = Landmarks(points, np.full(478, 0.1, np.float32), np.ones(478, np.float32), scheme("dense478"))
    small = Landmarks.from_points(face(size=0.1), scheme("dense478"))
    lost = Landmarks.from_points(np.full((478, 2), np.nan), scheme("dense478"))
    five = Landmarks.from_points(np.zeros((5, 2)), scheme("coarse5"))
    given = [hidden, small, lost, five]
    assert all(a is b for a, b in zip(refiner.refine(image, given), given, strict=True))
    assert refiner.refine(image, []) == []


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="refines no eyes"):
        EyeRefiner("gaze")


def test_only_tasks_that_ask_for_eye_points_run_the_refiner(heads: list[Sample], placed: list[Landmarks]) -> None:
    assert not plan_tasks(["landmarks", "pose", "eyes"]).eyes
    plan = plan_tasks(["eye_points"])
    assert plan.eyes
    assert plan.place
    assert plan.readers == plan.eye_readers == ()
    better = Analyzer(("eye_points",), threads=1)(heads[0].image)[0].landmarks
    iris = list(eye_rows()[:, : len(POINTS)].ravel())
    assert np.abs(better.points[iris, :2] - placed[0].points[iris, :2]).max() > 0.2
    rest = np.setdiff1d(np.arange(478), eye_rows())
    assert better.points[rest] == pytest.approx(placed[0].points[rest])


def refined(heads: list[Sample], placed: list[Landmarks], refiner: EyeRefiner) -> list[Landmarks]:
    return refiner.refine_many([(sample.image, marks) for sample, marks in zip(heads, placed, strict=True)])
