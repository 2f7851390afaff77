"""What a drawing shows, and that it never goes beyond the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasion.core import Box, Face, FloatArray, ImageArray, InputError, Landmarks, Pose, scheme
from nasion.media.drawing import DrawStyle, contact_sheet, draw_faces

NOTHING = DrawStyle(points=False, contours=False, uncertainty=False, box=False, pose=False, label=False)
POINTS = DrawStyle(contours=False, uncertainty=False, box=False, pose=False, label=False)


def canvas(level: int = 90, size: tuple[int, int] = (200, 240)) -> ImageArray:
    return np.full((*size, 3), level, np.uint8)


def five(x: float = 120.0, y: float = 100.0, *, sigma: float = 0.0, pose: Pose | None = None) -> Face:
    """A face of five points 40 px apart around (x, y)."""
    offsets = np.array([[40, -40], [-40, -40], [0, 0], [40, 40], [-40, 40]], np.float32)
    points = offsets + np.array([x, y], np.float32)
    landmarks = Landmarks.from_points(points, scheme("coarse5"), sigma)
    readings = {} if pose is None else {"pose": pose}
    return Face(Box.around(points, 0.2), 0.9, landmarks, None, readings)


def changed(image: ImageArray, drawn: ImageArray) -> FloatArray:
    """(H, W) largest change of any channel."""
    return np.abs(drawn.astype(int) - image).max(axis=2).astype(float)


def test_the_input_is_not_touched_and_nothing_means_nothing() -> None:
    image = canvas()
    drawn = draw_faces(image, [five()])
    assert (image == 90).all()
    assert not np.array_equal(drawn, image)
    assert np.array_equal(draw_faces(image, [five()], NOTHING), image)
    assert np.array_equal(draw_faces(image, []), image)


def test_points_are_where_they_belong_to_a_fraction_of_a_pixel() -> None:
    for shift in (0.0, 0.25, 0.5):
        face = five(100 + shift, 100)
        change = changed(canvas(), draw_faces(canvas(), [face], POINTS))
        near = change[80:121, 80:121]  # around the nose
        assert near.max() > 80
        x = float((near.sum(axis=0) * np.arange(80, 121)).sum() / near.sum())
        assert x == pytest.approx(100 + shift, abs=0.12)


def test_an_occluded_point_is_hollow() -> None:
    face = five()
    visibility = np.array([1, 1, 0.2, 1, 1], np.float32)
    hidden = Face(face.box, 0.9, Landmarks(face.landmarks.points, visibility, face.landmarks.sigma, scheme("coarse5")))
    style = DrawStyle(contours=False, uncertainty=False, box=False, pose=False, label=False, scale=5)
    seen, unseen = (changed(canvas(), draw_faces(canvas(), [f], style)) for f in (face, hidden))
    assert seen[100, 120] > 60
    assert unseen[100, 120] == 0
    assert unseen[90:111, 110:131].max() > 60  # the ring


@pytest.mark.parametrize("level", [15, 60, 130, 200, 250])
def test_points_can_be_seen_on_any_skin(level: int) -> None:
    drawn = draw_faces(canvas(level), [five()], POINTS)[90:111, 110:131].astype(int)
    assert drawn.max() - drawn.min() > 90


def test_uncertainty_reaches_as_far_as_95_percent() -> None:
    style = DrawStyle(points=False, contours=False, box=False, pose=False, label=False)
    assert np.array_equal(draw_faces(canvas(), [five(sigma=0.3)], style), canvas())  # smaller than the dot
    change = changed(canvas(), draw_faces(canvas(), [five(sigma=5)], style))
    row = np.flatnonzero(change[100, 100:141] > 10) + 100
    assert abs(row.min() - (120 - 2.448 * 5)) <= 1.5
    assert abs(row.max() - (120 + 2.448 * 5)) <= 1.5


def test_contours_follow_the_scheme() -> None:
    template = scheme("dense478").template
    assert template is not None
    points = (template[:, :2] + (150, 130)).astype(np.float32)
    face = Face(Box.around(points), 0.9, Landmarks.from_points(points, scheme("dense478")))
    style = DrawStyle(points=False, uncertainty=False, box=False, pose=False, label=False)
    image = canvas(90, (300, 300))
    change = changed(image, draw_faces(image, [face], style))
    oval = next(c for c in scheme("dense478").contours if c.name == "face_oval")
    for a, b in zip(oval.index, oval.index[1:], strict=False):
        x, y = np.round((points[a] + points[b]) / 2).astype(int)
        assert change[y - 1 : y + 2, x - 1 : x + 2].max() > 40


def test_pose_axes_point_where_the_head_does() -> None:
    style = DrawStyle(points=False, contours=False, uncertainty=False, box=False, label=False)

    def blue_end(yaw: float, pitch: float) -> tuple[float, float]:
        drawn = draw_faces(canvas(), [five(pose=Pose(1.0, "", yaw, pitch, 0.0, (0, 0, 600)))], style).astype(int)
        y, x = np.nonzero(drawn[:, :, 2] - drawn[:, :, 0] > 100)
        return float(x.mean()) - 120, float(y.mean()) - 60  # from between the eyes

    assert blue_end(40, 0)[0] < -5  # yaw > 0 turns to image-left
    assert blue_end(-40, 0)[0] > 5
    assert blue_end(0, 40)[1] < -5  # pitch > 0 looks up
    frontal = draw_faces(canvas(), [five(pose=Pose(1.0, "", 0, 0, 0, (0, 0, 600)))], style).astype(int)
    assert frontal[60, 145, 0] - frontal[60, 145, 2] > 100  # red runs to image right
    assert frontal[85, 120, 1] - frontal[85, 120, 0] > 60  # green runs down


def test_tracks_have_colours_of_their_own() -> None:
    style = DrawStyle(points=False, contours=False, uncertainty=False, pose=False, label=False)
    edge = [
        draw_faces(canvas(), [Face(Box(50, 50, 150, 150), 0.9, five().landmarks, track)], style)[100, 150]
        for track in (0, 1, 2)
    ]
    assert len({tuple(color.tolist()) for color in edge}) == 3


def test_the_label_stays_in_the_picture() -> None:
    style = DrawStyle(points=False, contours=False, uncertainty=False, pose=False, box=False)
    face = Face(Box(20, 0, 120, 100), 0.9, five().landmarks, 12)
    assert changed(canvas(), draw_faces(canvas(), [face], style))[:30].max() > 100


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-400, 700),
    st.floats(-400, 700),
    st.floats(0.01, 30),
    st.floats(0, 500),
    st.sampled_from([(1, 1), (10, 900), (200, 240)]),
    st.floats(0.2, 6),
)
def test_any_face_on_any_picture(
    x: float, y: float, scale: float, sigma: float, size: tuple[int, int], wide: float
) -> None:
    points = np.array([[1, -1], [-1, -1], [0, 0], [1, 1], [-1, 1]], np.float32) * scale * 40 + np.float32([x, y])
    points[1] = np.nan
    landmarks = Landmarks.from_points(points, scheme("coarse5"), sigma)
    box = Box.around(points[2:], 0.1)
    pose = Pose(0.5, "", 30.0, 20.0, 10.0, (0.0, 0.0, 600.0))
    image = canvas(90, size)
    drawn = draw_faces(image, [Face(box, 0.5, landmarks, 3, {"pose": pose})], DrawStyle(scale=wide))
    assert (drawn.shape, drawn.dtype) == (image.shape, np.uint8)


def test_small_faces_are_drawn_alike_at_another_resolution() -> None:
    """The same scene at three times the size looks the same: widths follow the face."""
    import cv2

    small = draw_faces(canvas(90, (400, 480)), [five(240, 200)], POINTS)
    face = five(240, 200)
    points = face.landmarks.points * 3 + 1  # pixel centres of a picture three times as large
    large_face = Face(Box.around(points, 0.2), 0.9, Landmarks.from_points(points, scheme("coarse5")))
    large = draw_faces(canvas(90, (1200, 1440)), [large_face], POINTS)
    shrunk = cv2.resize(large, (480, 400), interpolation=cv2.INTER_AREA)
    inked = [changed(canvas(90, (400, 480)), image).sum() for image in (small, shrunk)]
    assert 0.5 < inked[0] / inked[1] < 2


def test_grey_arrays_are_drawn_in_colour_and_floats_refused() -> None:
    assert draw_faces(canvas()[:, :, 0], [five()]).shape == (200, 240, 3)
    with pytest.raises(InputError, match="uint8"):
        draw_faces(np.zeros((9, 9, 3)), [five()])  # type: ignore[arg-type]  # on purpose


def test_contact_sheet() -> None:
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    images = [np.full((40 + 30 * i, 90 - 20 * i, 3), color, np.uint8) for i, color in enumerate(colors)]
    sheet = contact_sheet(images, columns=2, cell=80)
    assert sheet.shape[1] == 2 * 80 + 3 * 2
    for (row, column), color in zip([(0, 0), (0, 1), (1, 0)], colors, strict=True):
        assert sheet[2 + row * 82 + 40, 2 + column * 82 + 40].tolist() == list(color)
    assert contact_sheet(images[:1], cell=90).shape[:2] == (40 + 4, 90 + 4)
    with pytest.raises(InputError, match="at least one"):
        contact_sheet([])
