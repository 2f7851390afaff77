"""Labelled pictures in: crops, points that follow the pixels, splits, and words for what is wrong."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import shared_data
from drawn_crops import drawn_set
from nasion.core import InputError, Landmarks, scheme
from nasion.landmark.view import TEMPLATE
from nasion.media import write_image, write_ljson, write_pts
from nasion.train import augment, load_csv, load_folder, split
from nasion.train.data import BOX_ROOM, FEWEST, box_matrix, stored_side


def photos(folder: Path, count: int = FEWEST, label: str = "pts") -> Path:
    """Pictures with a face of 68 points: the mean face, turned differently in each, a white dot on the nose's tip."""
    layout = scheme("ibug68")
    assert layout.template is not None
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        angle = np.radians(10 * (i % 5) - 20)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (layout.template[:, :2] @ turn.T + (100 + i, 90)).astype(np.float32)
        image = np.full((200, 240, 3), 60, np.uint8)
        cv2.circle(image, np.round(points[30]).astype(int).tolist(), 4, (255, 255, 255), -1)
        write_image(folder / f"{i:03}.png", image)
        landmarks = Landmarks.from_points(points, layout)
        if label == "pts":
            write_pts(folder / f"{i:03}.pts", landmarks)
        elif label == "ljson":
            write_ljson(folder / f"{i:03}.ljson", landmarks)
        else:
            table = folder / "labels.csv"
            if i == 0:
                table.write_text(",".join(["file", *(f"{axis}{k}" for k in range(68) for axis in "xy")]) + "\n")
            with table.open("a") as stream:
                stream.write(",".join([f"{i:03}.png", *(str(v) for v in points.ravel())]) + "\n")
    return folder


def brightest(image: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(image[..., 0] > 150)
    return np.array([x.mean(), y.mean()])


@pytest.mark.parametrize("label", ["pts", "ljson", "csv"])
def test_crops_are_upright_views_and_points_stay_on_their_pixels(tmp_path: Path, label: str) -> None:
    data = load_folder(photos(tmp_path / "set", label=label), size=64)
    assert (data.images.shape, data.points.shape) == ((FEWEST, stored_side(64), stored_side(64), 3), (FEWEST, 68, 2))
    assert data.scheme.name == "ibug68"
    assert data.names[3].endswith("set/003.png")
    images, points = data.views()
    for image, face in zip(images, points, strict=True):
        np.testing.assert_allclose(brightest(image), face[30], atol=0.7)
        five = Landmarks.from_points(face, data.scheme).to("coarse5").points
        assert np.abs(five - (TEMPLATE * 64 - 0.5)).max() < 4  # upright, whatever the turn of the photo


def test_boxes_fill_upright_squares_and_faces_stay_turned_in_them(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", label="csv")
    images, points = load_csv(folder / "labels.csv", size=64, aligned=False).views()
    low, high = points.min(1), points.max(1)
    np.testing.assert_allclose((high - low).max(1), 64 / BOX_ROOM, atol=1e-3)
    np.testing.assert_allclose((low + high) / 2, 31.5, atol=1e-3)
    turned = np.degrees(np.arctan2(*(points[:, 45] - points[:, 36]).T[::-1]))
    np.testing.assert_allclose(turned[:5] - turned[2], [-20, -10, 0, 10, 20], atol=0.1)
    for image, face in zip(images, points, strict=True):
        np.testing.assert_allclose(brightest(image), face[30], atol=0.7)


def test_one_point_has_no_square_around_it() -> None:
    points = np.full((68, 2), np.nan, np.float32)
    points[30] = 5
    with pytest.raises(InputError, match="label two at least"):
        box_matrix(Landmarks(points, np.ones(68, np.float32), np.zeros(68, np.float32), scheme("ibug68")), 64)


def test_a_table_by_name_and_in_its_folder_give_the_same(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", label="csv")
    one, two = load_csv(folder / "labels.csv", size=32), load_folder(folder, size=32)
    np.testing.assert_array_equal(one.images, two.images)


def test_points_follow_every_augmentation(tmp_path: Path) -> None:
    data = load_folder(photos(tmp_path / "set"), size=96)
    quiet = [augment(data, [i], np.random.default_rng(s), strength=0.0) for s in range(3) for i in range(len(data))]
    for images, points, _ in quiet:  # mirrored or not
        np.testing.assert_allclose(brightest(images[0]), points[0, 30], atol=0.7)
    near = []
    for s in range(200):
        images, points, visible = augment(data, [s % len(data)], np.random.default_rng(s))
        grey = cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY).astype(float)
        if visible[0, 30] and grey.max() > np.median(grey) + 60:
            at = np.array(np.unravel_index(cv2.GaussianBlur(grey, (0, 0), 2).argmax(), grey.shape))[::-1]
            near.append(np.linalg.norm(at - points[0, 30]) < 6)
    assert len(near) > 60
    assert np.mean(near) > 0.8  # occluders may be brighter than the dot


def test_mirrored_points_take_their_partners_place() -> None:
    data = drawn_set(40)
    for s in range(10):
        _, points, _ = augment(data, np.arange(40), np.random.default_rng(s), strength=0.0)
        left, right = points[:, 0, 0], points[:, 1, 0]
        assert (left > right).all()  # the subject's left eye stays on the image's right


def test_augmentation_is_seeded() -> None:
    data = drawn_set()
    one, two = (augment(data, np.arange(8), np.random.default_rng(5)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_occluders_hide_points() -> None:
    data = drawn_set()
    _, _, visible = augment(data, np.arange(40), np.random.default_rng(0))
    assert 0.03 < 1 - visible.mean() < 0.5


def test_splits_are_apart_whole_and_seeded() -> None:
    data = drawn_set(200)
    learn, held = split(data)
    assert set(learn.names) | set(held.names) == set(data.names)
    assert not set(learn.names) & set(held.names)
    assert 0.1 < len(held) / len(data) < 0.3
    assert split(data, seed=1)[1].names != held.names
    assert split(data)[1].names == held.names


def test_people_are_never_split() -> None:
    learn, held = split(drawn_set(200), by="person")
    people = [{name.split("/")[1] for name in part.names} for part in (learn, held)]
    assert people[0]
    assert people[1]
    assert not people[0] & people[1]


def test_the_landmarkers_recipe_and_this_split_hold_out_the_same_faces() -> None:
    data = load_csv(shared_data("landmarks68/train.csv"), size=32)
    assert len(data) == 870
    assert {name.split("/")[0] for name in data.names} == {"landmarks68"}
    assert len(split(data)[1]) == 182


def test_pictures_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", FEWEST + 1)
    (folder / "004.png").write_bytes(b"no picture")
    data = load_folder(folder, size=32)
    assert len(data) == FEWEST
    assert len(data.skipped) == 1
    assert "004.png" in data.skipped[0]


def test_an_unknown_point_is_nan_and_not_visible(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", label="csv")
    lines = (folder / "labels.csv").read_text().splitlines()
    cells = lines[1].split(",")
    cells[1] = ""
    (folder / "labels.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    data = load_folder(folder, size=32)
    assert np.isnan(data.points[0, 0]).all()
    assert data.visible[0, 0] == 0
    images, points, _ = augment(data, [0], np.random.default_rng(0))
    assert np.isnan(points[0]).any(axis=1).sum() == 1
    assert images.shape == (1, 32, 32, 3)


class TestRefusals:
    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"gone is no folder"):
            load_folder(tmp_path / "gone")

    def test_no_labels(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
        with pytest.raises(InputError, match=r"1 pictures and no labels.*\.pts or \.ljson"):
            load_folder(tmp_path)

    def test_too_few(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"gives 3 labelled faces, training needs 20"):
            load_folder(photos(tmp_path / "set", 3))

    def test_pictures_that_are_all_missing(self, tmp_path: Path) -> None:
        folder = photos(tmp_path / "set", label="csv")
        for picture in folder.glob("*.png"):
            picture.unlink()
        with pytest.raises(InputError, match=r"gives 0 labelled faces.*20 were left out, such as .*no such file"):
            load_folder(folder)

    def test_two_schemes(self, tmp_path: Path) -> None:
        folder = photos(tmp_path / "set", FEWEST + 2)
        odd = Landmarks.from_points(np.random.default_rng(0).uniform(20, 90, (29, 2)), scheme("cofw29"))
        write_pts(folder / "003.pts", odd)
        with pytest.raises(InputError, match=r"mixes landmark schemes.*ibug68.*cofw29.*003\.png"):
            load_folder(folder)

    @pytest.mark.parametrize("head", ["file,x0,y0", "name,x0,y0", "file,a,b", ""])
    def test_other_columns(self, tmp_path: Path, head: str) -> None:
        table = tmp_path / "labels.csv"
        table.write_text(head + "\n")
        with pytest.raises(InputError, match=r"labels\.csv (needs the columns|has 1 points)"):
            load_csv(table)

    def test_a_cell_that_is_no_number(self, tmp_path: Path) -> None:
        folder = photos(tmp_path / "set", FEWEST + 1, label="csv")
        text = (folder / "labels.csv").read_text()
        first = text.splitlines()[1]
        (folder / "labels.csv").write_text(text.replace(first, first.replace(first.split(",")[1], "left", 1)))
        data = load_folder(folder, size=32)
        assert "left" in data.skipped[0]

    @pytest.mark.parametrize("size", [8, 1000])
    def test_sizes(self, tmp_path: Path, size: int) -> None:
        with pytest.raises(InputError, match=r"size must be 32\.\.256"):
            load_folder(photos(tmp_path / "set"), size=size)

    def test_split_by_something_else(self) -> None:
        with pytest.raises(InputError, match="'picture' or 'person', not 'age'"):
            split(drawn_set(), by="age")
