"""Faces drawn on pictures: contours, points, how far to trust them, box, head axes and number.

Each face is drawn on a transparent layer of its own, finer than the picture where the face is small, with a dark rim
under every stroke, so that it reads on dark and on light skin alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt
from typing import Any, TypeAlias

import cv2
import numpy as np

from nasion.core import BoolArray, Box, Contour, Face, FloatArray, Gaze, ImageArray, InputError, Landmarks, Pose
from nasion.media.images import check_image

Color: TypeAlias = tuple[int, int, int]
"""RGB, 0..255 each."""

_Ink: TypeAlias = tuple[float, float, float, float]
_MANY = 150  # points; schemes with more are drawn finer
_REACH_95 = 2.448  # sigmas that hold 95 % of a 2-D normal error
_SHIFT = 4  # OpenCV takes sub-pixel positions as integers with this many fractional bits
_WHITE, _RIM, _LONE = (245, 245, 245), (12, 16, 24), (176, 232, 255)  # _LONE: a point on no contour
_PART_COLORS: tuple[tuple[str, Color], ...] = (  # the first part whose name is in the contour's name
    ("iris", (255, 214, 92)),
    ("pupil", (255, 214, 92)),
    ("eye", (72, 220, 228)),
    ("brow", (255, 178, 92)),
    ("lip", (255, 126, 142)),
    ("mouth", (255, 126, 142)),
    ("nos", (168, 224, 120)),
)
_TRACK_COLORS: tuple[Color, ...] = (
    (90, 200, 250), (255, 159, 64), (120, 214, 122), (240, 120, 180), (255, 221, 87), (178, 150, 255),
)  # fmt: skip
_AXIS_COLORS: tuple[Color, Color, Color] = ((235, 72, 72), (64, 200, 96), (70, 130, 255))
_GAZE_COLOR: Color = (255, 92, 220)


@dataclass(frozen=True, slots=True)
class DrawStyle:
    """What to draw.

    Attributes:
        points: dots; hollow where the visibility is below 0.5.
        contours: the lines of the landmark scheme.
        uncertainty: the region that holds the true point with 95 % probability, where it is larger than the dot.
        box: the face's box.
        pose: the head's axes, where the face has the reading ``pose``: red to the head's left (image right), green
            down, blue out of the face.
        gaze: an arrow out of each eye, where the face has the reading ``gaze``; faint where it is not to be believed.
        label: track number and score.
        scale: factor on all widths and sizes.
        fine: draw small faces at twice the picture's resolution: smoother, and half as fast.
    """

    points: bool = True
    contours: bool = True
    uncertainty: bool = True
    box: bool = True
    pose: bool = True
    gaze: bool = True
    label: bool = True
    scale: float = 1.0
    fine: bool = True


def draw_faces(image: ImageArray, faces: Sequence[Face], style: DrawStyle | None = None) -> ImageArray:
    """A copy of the picture with the faces drawn on it.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: in any scheme; points that are NaN are left out.
        style: what to draw; default all of it.
    """
    drawn = check_image(image).copy()
    for face in faces:
        _draw_face(drawn, face, style or DrawStyle())
    return drawn


def contact_sheet(images: Sequence[ImageArray], *, columns: int | None = None, cell: int = 320) -> ImageArray:
    """Pictures side by side on one dark sheet, each scaled to fit its cell.

    Args:
        images: (H, W, 3) uint8 RGB, of any sizes.
        columns: pictures in a row; default makes the sheet about square.
        cell: width of a column and greatest height of a row, px.

    Raises:
        InputError: there is no picture.
    """
    if not images:
        raise InputError("a contact sheet needs at least one picture")
    columns, gap = columns or ceil(sqrt(len(images))), max(2, cell // 40)
    small = [_fitted(check_image(image), cell) for image in images]
    rows = [small[i : i + columns] for i in range(0, len(small), columns)]
    heights = [max(image.shape[0] for image in row) for row in rows]
    sheet = np.full((sum(heights) + gap * (len(rows) + 1), columns * (cell + gap) + gap, 3), 24, np.uint8)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for column, image in enumerate(row):
            h, w = image.shape[:2]
            y, x = top + (height - h) // 2, gap + column * (cell + gap) + (cell - w) // 2
            sheet[y : y + h, x : x + w] = image
        top += height + gap
    return sheet


def _fitted(image: ImageArray, side: int) -> ImageArray:
    """The picture scaled until its longer side is ``side`` px."""
    factor = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return np.asarray(scaled, np.uint8)


class _Layer:
    """A transparent layer over part of a picture.

    Attributes:
        x, y, width, height: the part, px of the picture.
        fine: layer pixels per picture pixel.
        canvas: (height * fine, width * fine, 4) uint8: RGB premultiplied with the opacity, and the opacity.
    """

    def __init__(self, region: Box, fine: int) -> None:
        self.x, self.y = int(region.x0), int(region.y0)
        self.width, self.height = ceil(region.x1) - self.x, ceil(region.y1) - self.y
        self.fine = fine
        self.canvas = np.zeros((self.height * fine, self.width * fine, 4), np.uint8)

    def place(self, points: FloatArray) -> Any:
        """(N, 2) px of the picture to OpenCV's fixed-point layer coordinates, pixel centres kept."""
        inside = (points[:, :2] - (self.x, self.y) + 0.5) * self.fine - 0.5
        return np.rint(inside * (1 << _SHIFT)).astype(np.int32)

    def width_of(self, px: float) -> int:
        return max(1, round(px * self.fine))

    def line(self, points: FloatArray, closed: bool, color: Color, px: float, opacity: float = 1.0) -> None:
        wide = self.width_of(px)
        cv2.polylines(self.canvas, [self.place(points)], closed, _ink(color, opacity), wide, cv2.LINE_AA, _SHIFT)

    def circles(self, centers: FloatArray, radii: FloatArray, ink: _Ink, px: float | None) -> None:
        """Rings ``px`` wide around (N, 2) px, or discs when ``px`` is None; ``radii`` (N,) px."""
        wide = cv2.FILLED if px is None else self.width_of(px)
        sizes = np.maximum(1, np.rint(radii * self.fine * (1 << _SHIFT))).astype(int).tolist()
        for at, size in zip(self.place(centers).tolist(), sizes, strict=True):
            cv2.circle(self.canvas, at, size, ink, wide, cv2.LINE_AA, _SHIFT)

    def text(self, words: str, x: float, y: float, height: float, color: Color) -> None:
        """``words`` on a dark plate whose lower left corner is at (x, y) px of the picture."""
        font, fine = cv2.FONT_HERSHEY_SIMPLEX, self.fine
        size = height * fine / 30  # this font's capitals are about 21 px high at size 1
        wide = max(1, round(size * 1.6))
        (w, h), _ = cv2.getTextSize(words, font, size, wide)
        left, pad = round((x - self.x) * fine), round(h * 0.45)
        low = max(round((y - self.y) * fine), h + 2 * pad)
        plate = (left, low - h - 2 * pad), (left + w + 2 * pad, low)
        cv2.rectangle(self.canvas, *plate, _ink(_RIM, 0.75), cv2.FILLED)
        cv2.putText(self.canvas, words, (left + pad, low - pad), font, size, _ink(color), wide, cv2.LINE_AA)

    def blend_into(self, image: ImageArray) -> None:
        """Lay it over ``image``, in place."""
        part = image[self.y : self.y + self.height, self.x : self.x + self.width]
        canvas: Any = self.canvas
        if self.fine > 1:
            canvas = cv2.resize(canvas, (self.width, self.height), interpolation=cv2.INTER_AREA)
        through = cv2.bitwise_not(cv2.cvtColor(cv2.extractChannel(canvas, 3), cv2.COLOR_GRAY2RGB))
        part[:] = cv2.add(cv2.multiply(part, through, scale=1 / 255), cv2.cvtColor(canvas, cv2.COLOR_RGBA2RGB))


def _draw_face(image: ImageArray, face: Face, style: DrawStyle) -> None:
    size = max(8.0, sqrt(max(face.box.area, 1.0)))
    region = _region(image, face, size)
    if region is None:
        return
    layer = _Layer(region, 2 if style.fine and size <= 300 else 1)
    unit = style.scale * min(max(size / 220, 0.6), 5.0)  # the width of a line, px
    tint = _WHITE if face.track_id is None else _TRACK_COLORS[face.track_id % len(_TRACK_COLORS)]
    if style.uncertainty:
        _draw_uncertainty(layer, face.landmarks, unit)
    if style.box:
        b = face.box
        corners = np.array([[b.x0, b.y0], [b.x1, b.y0], [b.x1, b.y1], [b.x0, b.y1]], np.float64)
        layer.line(corners, True, _RIM, unit * 2.2, 0.35)
        layer.line(corners, True, tint, unit, 0.9)
    _draw_landmarks(layer, face.landmarks, unit, style)
    pose = face.readings.get("pose")
    if style.pose and isinstance(pose, Pose):
        _draw_axes(layer, pose, _between_the_eyes(face), size * 0.45, unit * 1.6)
    gaze = face.readings.get("gaze")
    if style.gaze and isinstance(gaze, Gaze):
        _draw_gaze(layer, face, gaze, size * 0.55, unit * 1.5)
    if style.label:
        number = "" if face.track_id is None else f"#{face.track_id} "
        height = style.scale * min(max(size / 12, 9.0), 30.0)
        layer.text(f"{number}{face.score:.2f}", face.box.x0, face.box.y0 - unit, height, tint)
    layer.blend_into(image)


def _dot_radius(landmarks: Landmarks, unit: float) -> float:
    return unit * (0.6 if len(landmarks) > _MANY else 1.5)


def _draw_uncertainty(layer: _Layer, landmarks: Landmarks, unit: float) -> None:
    points, reach = landmarks.points[:, :2], _REACH_95 * landmarks.sigma
    known = np.asarray(np.isfinite(points).all(axis=1))
    if len(landmarks) > _MANY:  # hundreds of rings would hide the face: a veil over the worst shows where not to look
        wide = known & (reach > 11 * unit)
        layer.circles(points[wide], reach[wide], _ink((120, 170, 255), 0.16), None)
    else:
        wide = known & (reach > _dot_radius(landmarks, unit) + 1)
        layer.circles(points[wide], reach[wide], _ink((150, 190, 255), 0.75), unit * 0.6)


def _draw_landmarks(layer: _Layer, landmarks: Landmarks, unit: float, style: DrawStyle) -> None:
    points, scheme = landmarks.points[:, :2], landmarks.scheme
    known = np.asarray(np.isfinite(points).all(axis=1))
    dense, radius = len(landmarks) > _MANY, _dot_radius(landmarks, unit)
    if style.contours:
        lines = [(c.name, points[list(c.index)], c.closed) for c in scheme.contours if known[list(c.index)].all()]
        for _, line, closed in lines:
            layer.line(line, closed, _RIM, unit * 2.2, 0.35)
        for name, line, closed in lines:
            layer.line(line, closed, _part_color(name), unit, 0.9)
    if style.points:
        hidden = landmarks.visibility < 0.5
        for color, own in _points_by_color(scheme.contours, len(landmarks)):
            mine = known & own
            seen, unseen = points[mine & ~hidden], points[mine & hidden]
            if not dense:
                layer.circles(seen, np.full(len(seen), radius + unit * 0.6), _ink(_RIM, 0.7), None)
            layer.circles(seen, np.full(len(seen), radius), _ink(color, 0.75 if dense else 1.0), None)
            layer.circles(unseen, np.full(len(unseen), radius * 1.15), _ink(color, 0.85), unit * 0.5)


def _draw_axes(layer: _Layer, pose: Pose, origin: FloatArray, length: float, px: float) -> None:
    """The head's axes seen from afar; the one that points at the viewer is drawn last."""
    rotation = pose.rotation
    axes = [(rotation[:, 0], _AXIS_COLORS[0]), (rotation[:, 1], _AXIS_COLORS[1]), (-rotation[:, 2], _AXIS_COLORS[2])]
    for axis, color in sorted(axes, key=lambda item: -item[0][2]):
        line = np.stack([origin, origin + length * axis[:2]])
        layer.line(line, False, _RIM, px * 1.8, 0.45)
        layer.line(line, False, color, px)
    layer.circles(origin[None], np.array([px * 1.1]), _ink(_WHITE), None)


def _draw_gaze(layer: _Layer, face: Face, gaze: Gaze, length: float, px: float) -> None:
    """Arrows seen from afar, as the head's axes are; looking into the camera is a ring."""
    groups, way = face.landmarks.scheme.groups, np.array(gaze.vector[:2])
    if not np.isfinite(way).all() or not {"left_eye", "right_eye"} <= groups.keys():
        return
    opacity = 1.0 if gaze.reliability >= 0.5 else 0.4
    for side in ("left", "right"):
        group = f"{side}_pupil" if f"{side}_pupil" in groups else f"{side}_eye"
        start = face.landmarks.points[list(groups[group]), :2].mean(axis=0).astype(np.float64)
        if not np.isfinite(start).all():
            continue
        tip, aside = start + length * way, np.array([-way[1], way[0]])
        barbs = [tip - length * 0.2 * (way + k * 0.6 * aside) for k in (-1, 1)]
        for line in (np.stack([start, tip]), np.stack([barbs[0], tip, barbs[1]])):
            layer.line(line, False, _RIM, px * 1.8, 0.45 * opacity)
            layer.line(line, False, _GAZE_COLOR, px, opacity)
        layer.circles(start[None], np.array([px * 1.6]), _ink(_GAZE_COLOR, opacity), px * 0.7)


def _between_the_eyes(face: Face) -> FloatArray:
    """(2,) px: where the head's axes start; the box's centre when the scheme has no eyes or they are not known."""
    groups = face.landmarks.scheme.groups
    if "left_eye" in groups and "right_eye" in groups:
        points = face.landmarks.points
        eyes = [points[list(groups[side]), :2].mean(axis=0) for side in ("left_eye", "right_eye")]
        middle = np.mean(eyes, axis=0)
        if np.isfinite(middle).all():
            return np.asarray(middle, np.float64)
    return np.array(face.box.center, np.float64)


def _region(image: ImageArray, face: Face, size: float) -> Box | None:
    """The part of the picture that the drawing of this face may touch; None when that is outside."""
    points = face.landmarks.points[np.isfinite(face.landmarks.points[:, :2]).all(axis=1), :2]
    held = np.concatenate([face.box.to_array().reshape(2, 2), points])
    around, reach = Box.around(held), size * 0.6 + _REACH_95 * float(np.nan_to_num(face.landmarks.sigma).max(initial=0))
    # The plate with the number may be wider than a small face.
    grown = Box(around.x0 - reach, around.y0 - reach - 40, around.x1 + reach + 120, around.y1 + reach)
    if not np.isfinite(grown.to_array()).all():
        return None
    region = grown.clipped(image.shape[1], image.shape[0])
    return region if region.area >= 1 else None


def _part_color(name: str) -> Color:
    return next((color for part, color in _PART_COLORS if part in name), _WHITE)


@lru_cache(maxsize=32)
def _points_by_color(contours: tuple[Contour, ...], count: int) -> list[tuple[Color, BoolArray]]:
    """Each colour with the mask (count,) of its points."""
    colors = {i: _part_color(contour.name) for contour in contours for i in contour.index}
    each = [colors.get(i, _LONE) for i in range(count)]
    return [(color, np.array([one == color for one in each])) for color in dict.fromkeys(each)]


def _ink(color: Color, opacity: float = 1.0) -> _Ink:
    red, green, blue = (channel * opacity for channel in color)
    return red, green, blue, 255 * opacity
