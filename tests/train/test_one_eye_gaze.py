"""One Eye gaze: networks, the rendered phone set, training and export. PyTorch is needed for all but the set."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError
from nasion.gaze import OneEyeGaze
from nasion.gaze.one_eye import MARGIN, SIDE, mirrored
from nasion.train.one_eye_gaze import draw, middle, read, train_one_eye
from nasion.train.one_eye_scenes import PhoneSet, draw_phone_set

torch = pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def phones() -> PhoneSet:
    return draw_phone_set(4, 4, seed=11)


def test_sizes_are_the_published_ones() -> None:
    from nasion.train.one_eye_gaze_net import ENCODERS, EyeGaze

    sizes = {name: sum(p.numel() for p in EyeGaze(name).parameters()) for name in ENCODERS}
    assert sizes == {"plain": 137_902, "resnet": 305_966, "inception": 327_846, "inception-resnet": 453_350}
    for make in ENCODERS.values():
        assert make().eval()(torch.zeros(1, 3, SIDE, SIDE)).shape == (1, 512)


def test_the_phone_set_shows_eyes_that_look_at_its_targets(phones: PhoneSet) -> None:
    """Across people, an iris darker than the white is further to the side that the target is on."""
    assert len(phones) == 16
    assert (np.bincount(phones.person) == 4).all()
    width = np.abs(phones.corners[:, 0, 0] - phones.corners[:, 0, 2]).mean() * 480
    assert 20 < width < 80  # px of a phone's picture
    assert np.abs(phones.target).max() < 20
    assert phones.target[:, 0].std() > 1 and phones.target[:, 1].std() > 1
    offset = draw_phone_set(2, 2, seed=11, sighted=True)
    assert (np.abs(offset.kappa[:, 0]) > 0.5).all()
    assert (phones.kappa == 0).all()
    assert offset.target == pytest.approx(phones.target[[0, 1, 4, 5]]), "the same places, looked at by other axes"


def test_drawn_right_eyes_come_in_a_mirror(phones: PhoneSet) -> None:
    rng = np.random.default_rng(0)
    crops, corners, target = draw(phones, rng, 1, 40)
    assert crops.shape == (40, 1, SIDE, SIDE, 3)
    assert (corners[:, 0, 0] > corners[:, 0, 2]).mean() > 0.95, "every outer corner to the right, as of a left eye"
    assert {round(float(abs(x)), 4) for x in target[:, 0]} <= {round(float(abs(x)), 4) for x in phones.target[:, 0]}
    both = draw(phones, rng, 2, 40)[1]
    assert (both[:, 0, 0] > both[:, 1, 0]).mean() > 0.95, "the left eye first, also in a mirror"


@pytest.fixture(scope="module")
def readers(phones: PhoneSet, tmp_path_factory: pytest.TempPathFactory) -> dict[int, OneEyeGaze]:
    """Barely trained, one network an ensemble but for one eye, which has two."""
    folder, made = tmp_path_factory.mktemp("eyes"), {}
    for eyes, names in ((1, ("plain", "inception")), (2, ("plain",))):
        path: Path = folder / f"{eyes}.onnx"
        train_one_eye(phones, eyes, steps=4, names=names).export(path)
        made[eyes] = OneEyeGaze(path)
    return made


@pytest.mark.parametrize("eyes", [1, 2])
def test_a_mirrored_person_looks_at_the_mirrored_place(
    readers: dict[int, OneEyeGaze], phones: PhoneSet, eyes: int
) -> None:
    reader, other = readers[eyes], phones.part(np.arange(5))
    turned = PhoneSet(
        other.crops[:, ::-1, :, ::-1], mirrored(other.corners[:, ::-1]), other.target * (-1, 1), other.person,
        other.dot, other.kappa,
    )  # fmt: skip
    for side in (0, 1):
        plain, seen = read(reader, other, side).point, read(reader, turned, 1 - side).point
        assert seen * (-1, 1) == pytest.approx(plain, abs=0.1)
        assert np.abs(plain).max() > 0.2


def test_pictures_and_crops_say_the_same(readers: dict[int, OneEyeGaze]) -> None:
    from nasion.synth import HeadModel, SceneOptions, render_scene, sample_scene

    scene = sample_scene(np.random.default_rng(2), SceneOptions(size=(480, 360), yaw=(-5, 5), degrade=0.0))
    sample = render_scene(scene, HeadModel.load())
    marks = sample.truth.landmarks()
    one, two = (readers[eyes].look(sample.image, [marks, marks]) for eyes in (1, 2))
    assert one.point.shape == two.point.shape == (2, 2)
    assert one.code.shape == (2, 8)
    assert two.code.shape == (2, 8)
    assert one.point[0] == pytest.approx(one.point[1])
    left, right = (readers[1].look(sample.image, [marks], eye).point[0] for eye in ("left", "right"))
    assert np.abs(left - right).max() > 1e-3
    both = readers[1].look(sample.image, [marks], "both")
    assert both.point[0] == pytest.approx((left + right) / 2)
    assert both.code.shape == (1, 16)
    far = marks.points.copy()
    far[:, :2] = (far[:, :2] - far[1, :2]) * 0.02 + far[1, :2]
    small = type(marks)(far, marks.visibility, marks.sigma, marks.scheme)
    assert np.isnan(readers[1].look(sample.image, [small]).point).all()
    assert readers[1].look(sample.image, []).point.shape == (0, 2)


def test_crops_in_use_are_the_middle_of_training_crops(phones: PhoneSet) -> None:
    assert middle(phones.crops).shape[2:4] == (SIDE, SIDE)
    assert MARGIN > 1.5


def test_networks_learn_from_pictures(phones: PhoneSet) -> None:
    losses: list[float] = []
    train_one_eye(phones, 1, steps=30, names=("plain",), report=lambda _, loss: losses.append(loss))
    assert losses[-1] < 0.9 * losses[0]


def test_wrong_wishes_are_refused(phones: PhoneSet) -> None:
    with pytest.raises(InputError, match="1 or 2 eyes"):
        train_one_eye(phones, 3, steps=1)
    with pytest.raises(InputError, match="plain, inception"):
        train_one_eye(phones, 1, steps=1, names=("vgg",))
