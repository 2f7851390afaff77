"""The synthetic head laid on a photo: find the face, place its points, fit, and show how well it went."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from nasion.core import Camera, Face, FloatArray, ImageArray, InputError, MediaError, Pose, scheme
from nasion.media import check_image, write_image
from nasion.media.paths import prepare_output, safe_name, why
from nasion.synth.fit import assumed_camera, fit_points
from nasion.synth.fit_skin import HeadFit, fit_pixels, frame, look
from nasion.synth.light import LIGHTS, Light
from nasion.synth.model import HeadModel
from nasion.synth.parameters import HeadParameters
from nasion.synth.scene import Look, Scene, place, portrait, render_scene
from nasion.synth.surface import Region

if TYPE_CHECKING:
    from nasion.pipeline.analyzer import Analyzer

SCHEMA: Final = "1"
PANEL: Final = 320  # px of each picture on the sheet
FACE: Final = tuple(r for r in Region if r not in (Region.NONE, Region.HAIR, Region.EAR, Region.NECK, Region.CLOTH))
GREEN, RED = (70, 220, 110), (240, 70, 60)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFit:
    """A fit and what it was made from.

    Attributes:
        fit: the head, its pose and its colours.
        face: the face as it was found.
        size: (width, height) px of the photo.
        others: how many more faces the photo shows; the largest was taken.
    """

    fit: HeadFit
    face: Face
    size: tuple[int, int]
    others: int


def fit_photo(
    image: ImageArray, analyzer: Analyzer | None = None, camera: Camera | None = None, model: HeadModel | None = None
) -> PhotoFit:
    """Lay the synthetic head on the largest face of a photo.

    Args:
        image: RGB uint8 (H, W, 3).
        analyzer: that finds the faces and places ``dense478`` points; the default one when left out.
        camera: of the photo; assumed when left out (``nasion.synth.assumed_camera``).
        model: the head, loaded when left out.

    Raises:
        InputError: there is no face on the picture, or it is no picture.
    """
    from nasion.pipeline.analyzer import Analyzer

    image = check_image(image)
    faces = (analyzer or Analyzer(("landmarks",)))(image)
    if not faces:
        raise InputError("no face was found: the head needs one of about 20 px or more to be laid on")
    face = max(faces, key=lambda each: each.box.area)
    height, width = image.shape[:2]
    return PhotoFit(fit_face(image, face, camera, model), face, (width, height), len(faces) - 1)


def fit_face(image: ImageArray, face: Face, camera: Camera | None = None, model: HeadModel | None = None) -> HeadFit:
    """Lay the synthetic head on a face whose points are placed; see ``fit_photo``."""
    model, landmarks = model or HeadModel.load(), face.landmarks.to("dense478")
    height, width = image.shape[:2]
    points = fit_points(landmarks, camera or assumed_camera(landmarks, width, height), model)
    return fit_pixels(image, points, landmarks.visibility, model)


def fit_sheet(image: ImageArray, found: PhotoFit, model: HeadModel | None = None, panel: int = PANEL) -> ImageArray:
    """(P, 4 P, 3) uint8: photo, the head's face pasted at the same pose, both sets of points, frontal neutral head."""
    model, geometry = model or HeadModel.load(), found.fit.geometry
    matrix, camera = frame(geometry, panel)
    photo, _ = look(image, matrix, panel)
    laid = pasted(photo, found.fit, camera, model)
    return np.concatenate([photo, laid, _overlay(photo, found, matrix), neutral(found.fit, panel, model)], axis=1)


def pasted(photo: ImageArray, fit: HeadFit, camera: Camera, model: HeadModel) -> ImageArray:
    """The view with the fitted head's face, without hair, ears and neck, laid over the real one."""
    side = photo.shape[0]
    sample = render_scene(fit.scene(camera, (side, side)), model)
    inside = cv2.erode(np.isin(sample.regions, FACE).astype(np.float32), np.ones((3, 3), np.uint8))
    mask = cv2.GaussianBlur(inside, (0, 0), 1 + side / 200)[..., None]
    return np.asarray(np.rint(photo * (1 - mask) + sample.image * mask), np.uint8)


def neutral(fit: HeadFit, side: int, model: HeadModel) -> ImageArray:
    """The fitted identity and skin at rest, seen from the front in soft light."""
    head = replace(fit.head, expression={}, jaw=0.0, lids=(None, None), gaze=((0.0, 0.0), (0.0, 0.0)))
    camera, depth = portrait((side, side), fill=0.66)
    scene = Scene(
        head, place(0, 0, 0, (0.0, -12.0, depth)), camera, (side, side), LIGHTS["soft"], background="plain",
        look=Look(grey=fit.grey),
    )  # fmt: skip
    return render_scene(scene, model).image


def _overlay(photo: ImageArray, found: PhotoFit, matrix: FloatArray) -> ImageArray:
    """The placed points in green, the head's in red, lines between them."""
    out = np.ascontiguousarray(photo // 2 + 40)
    placed = found.face.landmarks.to("dense478").points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    fitted = found.fit.geometry.points @ matrix[:, :2].T + matrix[:, 2]
    for contour in scheme("dense478").contours:
        line = np.rint(fitted[list(contour.index)] * 8).astype(np.int32)
        cv2.polylines(out, [line], contour.closed, RED, 1, cv2.LINE_AA, shift=3)
    for a, b in zip(np.rint(placed * 8).astype(int), np.rint(fitted * 8).astype(int), strict=True):
        cv2.line(out, a.tolist(), b.tolist(), RED, 1, cv2.LINE_AA, shift=3)
        cv2.circle(out, a.tolist(), 8, GREEN, -1, cv2.LINE_AA, shift=3)
    return out


def fit_record(found: PhotoFit, photo: str) -> dict[str, Any]:
    """Everything that was found, as plain values for JSON; ``read_fit`` makes a scene of it again."""
    fit, geometry = found.fit, found.fit.geometry
    head = {f.name: getattr(fit.head, f.name) for f in fields(HeadParameters)}
    head |= {
        "identity": [round(float(v), 4) for v in fit.head.identity],
        "albedo": [round(float(v), 4) for v in fit.head.albedo],
        "expression": {str(u): [round(v, 4) for v in fit.head.sides(u)] for u in sorted(fit.head.expression)},
    }
    pose = geometry.pose
    return {
        "nasion_fit_schema": SCHEMA,
        "photo": photo,
        "size": list(found.size),
        "other_faces": found.others,
        "head": head,
        "pose": {k: getattr(pose, k) for k in ("reliability", "reason", "yaw", "pitch", "roll", "translation")},
        "camera": {k: getattr(geometry.camera, k) for k in ("fx", "fy", "cx", "cy")},
        "light": {"ambient": np.round(fit.light.ambient, 5).tolist()},
        "grey": fit.grey,
        "error": {
            "dense_over_interocular": geometry.error,
            "dense_px": float(geometry.distance.mean()),
            "skin_levels": None if np.isnan(fit.skin_error) else fit.skin_error,
            "reason": fit.reason,
        },
        "points": np.round(geometry.points, 2).tolist(),
    }


def read_fit(path: str | os.PathLike[str]) -> Scene:
    """The scene that a fit found: the head at its place before the photo's camera, at the photo's size.

    Args:
        path: a ``fit.json``.

    Raises:
        MediaError: it cannot be read, or is no fit.
    """
    try:
        record: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        if record["nasion_fit_schema"] != SCHEMA:
            raise ValueError(f"schema {record['nasion_fit_schema']}, known is {SCHEMA}")
        head = dict(record["head"])
        head["expression"] = {int(u): (float(a), float(b)) for u, (a, b) in head["expression"].items()}
        head["lids"] = tuple(head["lids"])
        head["gaze"] = tuple(tuple(side) for side in head["gaze"])
        pose = Pose(**{**record["pose"], "translation": tuple(record["pose"]["translation"])})
        light = Light(np.array(record["light"]["ambient"]), np.array([0.0, 0.0, -1.0]), np.zeros(3), 0.0, "fitted")
        width, height = record["size"]
        return Scene(
            HeadParameters(**head), pose, Camera(**record["camera"]), (width, height), light, background="plain",
            look=Look(grey=record["grey"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{safe_name(path)} is no fit of `nasion synth fit`: {error}") from error


def write_fit(folder: str | os.PathLike[str], image: ImageArray, found: PhotoFit, photo: str) -> list[Path]:
    """Write ``fit.json`` and ``fit.png`` (see ``fit_sheet``) into a folder.

    Args:
        folder: made when it is missing; files of the same names are replaced.
        image: the photo.
        found: what ``fit_photo`` gave for it.
        photo: its name, for the record.

    Raises:
        MediaError: nothing can be written there.
    """
    target = Path(folder)
    table, sheet = prepare_output(target / "fit.json"), target / "fit.png"
    try:
        table.write_text(json.dumps(fit_record(found, photo), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(table)}: {why(error)}") from error
    write_image(sheet, fit_sheet(image, found))
    return [table, sheet]
