"""Draw the pictures of the manual's pages on OccFace and RTNet: rendered heads, two photos that come with our extras.

python docs/images/make_occface_rtnet.py OCCFACE.onnx PARSER.onnx, both as the benchmarks keep them (--keep)
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from nasion.cli.parse import painted
from nasion.core import Landmarks
from nasion.landmark import Landmarker
from nasion.media import read_image
from nasion.parse import COLORS, FaceParser, warp
from nasion.parse.parser import face_roi
from nasion.pipeline import Analyzer
from nasion.synth import SceneOptions
from nasion.synth.model import HeadModel
from nasion.synth.sampling import sample_scene
from nasion.synth.scene import Sample, render_scene

HERE = Path(__file__).parent
SIDE, GAP = 224, 6
HIDDEN, SEEN = (255, 70, 60), (60, 230, 120)


def heads(kinds: tuple[str, ...], seed: int) -> list[Sample]:
    """A rendered head behind each kind of thing."""
    model, made = HeadModel.load(), []
    for k, kind in enumerate(kinds):
        options = SceneOptions(
            size=(SIDE, SIDE), yaw=(-35, 35), degrade=0, fill=(0.55, 0.65), field_of_view=(20, 30),
            occlude=float(kind != "nothing"), occluder="random" if kind == "nothing" else kind, light="soft",
        )  # fmt: skip
        made.append(render_scene(sample_scene(np.random.default_rng((seed, k)), options), model))
    return made


def dotted(image: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    """The 100 points: green when visible, red when hidden, in between by the probability."""
    out = image.copy()
    points = landmarks.to("occ100")
    for (x, y), seen in zip(points.points[:, :2], points.visibility, strict=True):
        colour = tuple(int(a + (b - a) * float(seen)) for a, b in zip(HIDDEN, SEEN, strict=True))
        at = round(16 * float(x)), round(16 * float(y))
        cv2.circle(out, at, 16 * 3, (20, 20, 20), -1, cv2.LINE_AA, 4)
        cv2.circle(out, at, 16 * 2, colour, -1, cv2.LINE_AA, 4)
    return out


def strip(rows: list[list[np.ndarray]], path: Path) -> None:
    """Pictures of one size, row by row."""
    out = np.full((len(rows) * (SIDE + GAP) - GAP, len(rows[0]) * (SIDE + GAP) - GAP, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, part in enumerate(row):
            out[y * (SIDE + GAP) : y * (SIDE + GAP) + SIDE, x * (SIDE + GAP) : x * (SIDE + GAP) + SIDE] = part
    Image.fromarray(out).quantize(160).save(path, optimize=True)


def square(image: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """A square cut of a photo, SIDE px."""
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA))


def occface(model: Path) -> None:
    """Heads behind things that were not in training; above the landmarker alone, below with the module."""
    shown = heads(("nothing", "hand", "mask", "sunglasses", "hair"), 8)
    rows = []
    for placer in (Landmarker(), Landmarker(model)):
        analyzer = Analyzer(("landmarks",), landmarker=placer)
        row = []
        for sample in shown:
            faces = analyzer(sample.image)
            row.append(dotted(sample.image, faces[0].landmarks) if faces else sample.image)
        rows.append(row)
    strip(rows, HERE / "occface_heads.png")


def rtnet(model: Path) -> None:
    """A head, its view, what the network says in the view and in the picture; then two photos."""
    parser, analyzer, rows = FaceParser(model), Analyzer(("landmarks",)), []
    for sample in heads(("nothing", "glasses"), 15):
        faces = analyzer(sample.image)[:1]
        roi = face_roi(faces[0])
        view = warp(sample.image, roi, SIDE)
        found = parser.parse(sample.image, faces)
        seen = warp(found[0].labels, roi, SIDE, nearest=True)
        rows.append([sample.image, view, COLORS[seen], painted(sample.image, found)])
    last = []
    for package, inside in (("skimage", "data/astronaut.png"), ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")):
        spec = find_spec(package)
        assert spec is not None, f"{package} comes with the extra `demo`"
        assert spec.origin is not None
        image = read_image(Path(spec.origin).parent / inside)
        faces = analyzer(image)[:1]
        roi = face_roi(faces[0])
        last += [square(a, roi.x, roi.y, 2.3 * roi.a) for a in (image, painted(image, parser.parse(image, faces)))]
    strip([*rows, last], HERE / "rtnet_views.png")


def main() -> None:
    """Both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("occface", type=Path)
    arguments.add_argument("parser", type=Path)
    args = arguments.parse_args()
    occface(args.occface)
    rtnet(args.parser)


if __name__ == "__main__":
    main()
