"""RTNet: which part of a face each pixel shows, learned on rendered heads through a tanh-polar view.

Rendered heads know the region of every pixel. The network sees each through the view of ``nasion.parse.tanh_polar``,
whose region of interest is shaken, with a second person beside it now and then, who is background. Pictures with label
maps of your own come on top: ``NAME.labels.png`` beside ``NAME.jpg``, grey values 0..10 as ``nasion parse`` writes.

Source: Lin, Shen, Wang and Pantic, "RoI Tanh-polar Transformer Network for Face Parsing in the Wild", Image and Vision
Computing 112, 2021. Its losses and schedule were not found: cross entropy and Dice, AdamW. The network is a small one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, IntArray, Landmarks, scheme
from nasion.media.paths import prepare_output, safe_name
from nasion.metrics.regions import class_f1, confusion
from nasion.parse.parser import REGIONS, labels, landmark_roi
from nasion.parse.tanh_polar import VIEWS, Roi, warp
from nasion.synth.surface import Region
from nasion.train.damage import damage
from nasion.train.data import LandmarkSet
from nasion.train.recipe import Batch, Progress, Stage, require_torch
from nasion.train.renders import NOTHING, SIDE, Renders, rendered
from nasion.train.renders import VIEWS as SHOTS
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZE = 128  # px of the view
KINDS = {NOTHING: 480, "bar": 280, "noise": 280, "glasses": 120}
SEED = 0  # of the rendered heads
NEIGHBOUR = 0.35  # of the views have a second person beside the face
SHIFT, GROW = 0.1, 0.2  # shaking of the region: share of the box, and of its side
UPRIGHT, ANY_TURN = 12.0, 0.25  # degrees of usual error of its turn, and the share of views turned anyhow
BATCH = 8
# of the cross entropy: brows, eyes and lips are a hundredth of the pixels, and start by not being found at all
LOUDER = {
    "background": 0.5, "skin": 0.7, "left_brow": 5.0, "right_brow": 5.0, "left_eye": 6.0, "right_eye": 6.0, "nose": 2.0,
    "upper_lip": 5.0, "inner_mouth": 5.0, "lower_lip": 5.0,
}  # fmt: skip

_SAME = {
    Region.SKIN: "skin", Region.LEFT_LIDS: "skin", Region.RIGHT_LIDS: "skin", Region.EAR: "skin",
    Region.LEFT_BROW: "left_brow", Region.RIGHT_BROW: "right_brow", Region.NOSE: "nose", Region.UPPER_LIP: "upper_lip",
    Region.LOWER_LIP: "lower_lip", Region.TEETH: "inner_mouth", Region.MOUTH: "inner_mouth",
    Region.TONGUE: "inner_mouth", Region.HAIR: "hair",
}  # fmt: skip
_EYES = (Region.EYE_WHITE, Region.IRIS, Region.PUPIL)


class RTNetRecipe:
    """The recipe.

    Args:
        view: through which view it sees the face, a name of ``nasion.parse.tanh_polar.VIEWS``.
        circular: the rows of a polar view wrap; off, for comparison, zeros are padded.
        heads: how many rendered heads with each kind of thing before the face.
        width: channels of the first stage.
    """

    name = "rtnet-tanh-polar"
    stages = (Stage("train", rate=4e-3, batch=BATCH),)
    usage = "parse PHOTO --model"
    renders = True

    def __init__(
        self, view: str = "polar", circular: bool = True, heads: dict[str, int] | None = None, width: int = 12
    ) -> None:
        self.view, self.circular, self.heads, self.width = view, circular, KINDS if heads is None else heads, width

    def load(self, path: Path | None, size: int) -> LandmarkSet:
        """Rendered heads, and labelled pictures if a folder is given; the label map is the images' fourth channel."""
        made = from_renders(rendered(self.heads, SEED))
        return made if path is None else _join(made, from_folder(path))

    def build(self, points: int, size: int) -> nn.Module:
        """The network; ``points`` and ``size`` are not asked for."""
        from nasion.train.rtnet_net import RTNet

        return RTNet(len(REGIONS), SIZE, self.view == "polar", self.circular, self.width)

    def draw(self, data: LandmarkSet, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Views of faces; ``points`` holds the label maps (B, T, T)."""
        import torch

        from nasion.train.score import to_input

        images, maps = [], []
        for i in index:
            scene, roi = compose(data, int(i), rng)
            if rng.random() < 0.5:
                scene, roi = mirrored(scene, roi)
            view = VIEWS[self.view]
            image = np.ascontiguousarray(warp(np.ascontiguousarray(scene[..., :3]), roi, SIZE, view=view))
            images.append(damage(image, rng))
            maps.append(warp(np.ascontiguousarray(scene[..., 3]), roi, SIZE, view=view, nearest=True))
        held = torch.from_numpy(np.stack(maps).astype(np.int64))
        none = torch.zeros(0)
        return Batch(
            to_input(np.stack(images)), held, none, none, torch.from_numpy(index.astype(np.int64)), data.scheme
        )

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Cross entropy and Dice at the network's resolution."""
        import torch

        from nasion.train.rtnet_net import parsing_loss

        weight = torch.tensor([LOUDER.get(name, 1.0) for name in REGIONS])
        entropy, dice = parsing_loss(model(batch.images), batch.points[:, ::2, ::2], weight)
        return {"entropy": entropy, "dice": dice}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """No points: (N, C, T / 2, T / 2) probabilities of the regions of views."""
        return model(images).softmax(1)

    def label(self, model: nn.Module, image: ImageArray, roi: Roi) -> IntArray:
        """(H, W) uint8 labels of the face at ``roi``."""
        import torch

        from nasion.train.score import to_input

        model.eval()
        view = VIEWS[self.view]
        with torch.inference_mode():
            found = self.predict(model, to_input(warp(image, roi, SIZE, view=view)[None]))[0].numpy()
        return labels(found, roi, (image.shape[0], image.shape[1]), view, SIZE)

    def finish(self, model: nn.Module, held: LandmarkSet) -> str:
        """F1 of every region in the pictures of people held out."""
        counts = np.zeros((len(REGIONS), len(REGIONS)), np.int64)
        for i in range(len(held)):
            found = self.label(model, np.ascontiguousarray(held.images[i, ..., :3]), roi_of(held, i))
            counts += confusion(held.images[i, ..., 3], found, len(REGIONS))
        f1 = class_f1(counts)
        each = ", ".join(f"{name} {value:.2f}" for name, value in zip(REGIONS[1:], f1[1:], strict=True))
        return f"held-out people: mean F1 {np.nanmean(f1[1:]):.3f} ({each})"

    def export(self, model: nn.Module, path: Path) -> Path:
        """Write the ONNX file that ``nasion.parse.FaceParser`` reads.

        Raises:
            MissingExtraError: PyTorch or the library ``onnx`` is not installed.
            MediaError: the file cannot be written.
        """
        torch = require_torch()
        from nasion.train.rtnet_net import Contract

        target, example = prepare_output(path), {"views": torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8)}
        facts = {"system": self.name, "view": self.view, "regions": ",".join(REGIONS)}
        target.write_bytes(traced(Contract(model).eval(), example, ["regions"], facts=facts))
        return target


def region_labels(regions: IntArray, points: FloatArray) -> IntArray:
    """(H, W) uint8 rows of ``REGIONS`` from a render's regions (H, W).

    Args:
        regions: ``nasion.synth.Region``, whose eyes have no side.
        points: (478, 2) px, the dense points: an eye belongs to the nearer iris.
    """
    table = np.zeros(256, np.uint8)
    for region, name in _SAME.items():
        table[region] = REGIONS.index(name)
    out = table[regions]
    y, x = np.nonzero(np.isin(regions, _EYES))
    left, right = (np.hypot(x - points[i, 0], y - points[i, 1]) for i in (473, 468))
    out[y, x] = np.where(left < right, REGIONS.index("left_eye"), REGIONS.index("right_eye"))
    return out


def from_renders(heads: Renders) -> LandmarkSet:
    """Heads with their 68 points and label maps; all pictures of a person have one name, and so go to one side."""
    images = np.empty((*heads.images.shape[:3], 4), np.uint8)
    images[..., :3] = heads.images
    for i in range(len(heads)):
        images[i, ..., 3] = region_labels(heads.regions[i], heads.points[i, 68:])
    names = tuple(f"rendered/{kind}-{i // SHOTS}/head" for i, kind in enumerate(heads.kinds))
    return LandmarkSet(images, heads.points[:, :68], heads.visible[:, :68], scheme("ibug68"), names, SIZE)


def from_folder(folder: Path) -> LandmarkSet:
    """Pictures with a ``.labels.png`` beside them, cut around the face that most of the labels lie on.

    Raises:
        InputError: no such folder, no label maps, or one that does not fit its picture.
    """
    from nasion.media import read_image
    from nasion.media.sources import IMAGE_EXTENSIONS
    from nasion.pipeline import Analyzer

    found = sorted(folder.rglob("*.labels.png")) if folder.is_dir() else []
    if not found:
        raise InputError(f"{safe_name(folder)} holds no label maps: NAME.labels.png beside NAME.jpg, grey values 0..10")
    analyzer = Analyzer(("landmarks",), scheme="ibug68")
    images, points, names, skipped = [], [], [], []
    for path in found:
        stem = path.name.removesuffix(".labels.png")
        beside = [p for end in IMAGE_EXTENSIONS if (p := path.with_name(stem + end)).is_file()]
        if not beside:
            skipped.append(f"{safe_name(path)}: no picture {stem}.* beside it")
            continue
        image, held = read_image(beside[0]), read_image(path)[..., 0]
        if held.shape != image.shape[:2] or held.max() >= len(REGIONS):
            raise InputError(
                f"{safe_name(path)} is {held.shape[::-1]} px with values up to {held.max()}: it must be as large as "
                f"its picture, {image.shape[1::-1]} px, with values 0..{len(REGIONS) - 1}"
            )
        faces = analyzer(image)
        inside = [_share(held, face.landmarks) for face in faces]
        if not faces or max(inside) == 0:
            skipped.append(f"{safe_name(beside[0])}: no face was found where the labels are")
            continue
        marks = faces[int(np.argmax(inside))].landmarks
        roi, both = landmark_roi(marks), np.dstack([image, held])
        grid = SIDE / (2 * CUT * roi.a)
        matrix = np.array([[grid, 0, (SIDE - 1) / 2 - grid * roi.x], [0, grid, (SIDE - 1) / 2 - grid * roi.y]])
        images.append(_cut(both, matrix))
        points.append(marks.points[:, :2] @ matrix[:, :2].T + matrix[:, 2])
        names.append("/".join(beside[0].resolve().parts[-3:]))
    if not images:
        raise InputError(f"{safe_name(folder)}: not one label map has its picture with a face; {skipped[0]}")
    flags = np.ones((len(images), 68), np.float32)
    return LandmarkSet(
        np.stack(images),
        np.stack(points).astype(np.float32),
        flags,
        scheme("ibug68"),
        tuple(names),
        SIZE,
        tuple(skipped),
    )


CUT = 2.2  # half the side of a picture's cut, in radii of the face


def _cut(both: ImageArray, matrix: FloatArray) -> ImageArray:
    """(SIDE, SIDE, 4): picture and labels; outside, nothing."""
    import cv2

    image = cv2.warpAffine(np.ascontiguousarray(both[..., :3]), matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)
    held = cv2.warpAffine(np.ascontiguousarray(both[..., 3]), matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    return np.dstack([image, held])


def _share(held: IntArray, points: Landmarks) -> float:
    """The share of a face's points that lie on labels."""
    at = np.round(points.points[:, :2]).astype(int)
    inside = (at >= 0).all(1) & (at < held.shape[::-1]).all(1)
    return float((held[at[inside, 1], at[inside, 0]] > 0).mean()) if inside.any() else 0.0


def _join(a: LandmarkSet, b: LandmarkSet) -> LandmarkSet:
    from nasion.train.sht import join

    return replace(join(a, b), skipped=a.skipped + b.skipped)


def roi_of(data: LandmarkSet, row: int) -> Roi:
    """The region that a parser would look at."""
    return landmark_roi(Landmarks.from_points(data.points[row], data.scheme))


def compose(data: LandmarkSet, row: int, rng: np.random.Generator) -> tuple[ImageArray, Roi]:
    """A picture (H, W, 4) with the face, perhaps somebody beside it, and a shaken region of interest."""
    scene, roi = data.images[row], roi_of(data, row)
    if rng.random() < NEIGHBOUR:
        other = data.images[int(rng.integers(len(data)))].copy()
        other[..., 3] = 0
        side, axis = int(rng.integers(2)), 0 if rng.random() < 0.25 else 1
        scene = np.concatenate([other, scene] if side else [scene, other], axis)
        if side:
            roi = replace(roi, **{"xy"[1 - axis]: (roi.x if axis else roi.y) + other.shape[axis]})
    grow = float(np.exp(rng.uniform(-GROW, GROW)))
    x, y = rng.uniform(-SHIFT, SHIFT, 2) * 2 * roi.a
    turn = rng.uniform(0, 360) if rng.random() < ANY_TURN else rng.normal(0, UPRIGHT)
    return scene, replace(roi, x=roi.x + x, y=roi.y + y, a=roi.a * grow, b=roi.b * grow, turn=roi.turn + turn)


def mirrored(scene: ImageArray, roi: Roi) -> tuple[ImageArray, Roi]:
    """The mirror image; left and right change their labels."""
    order = [REGIONS.index(_other_side(name)) for name in REGIONS]
    out = np.ascontiguousarray(scene[:, ::-1])
    out[..., 3] = np.array(order, np.uint8)[out[..., 3]]
    return out, replace(roi, x=scene.shape[1] - 1 - roi.x, turn=-roi.turn)


def _other_side(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)
