"""Draw the pictures of the manual's pages on FGTBT, SHT and MOS: rendered heads, and scikit-image's astronaut.

python docs/images/make_train_systems.py [--mos mos.onnx] [--sht sht.pt]

The networks are those that ``benchmarks/mos.py --keep`` and ``benchmarks/sht.py --keep`` leave (extras ``demo`` and
``train``); without them what they found is not drawn again.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from nasion import Analyzer, read_image
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.detect import FaceDetector
from nasion.synth.model import HeadModel
from nasion.synth.sampling import SceneOptions, sample_scene
from nasion.synth.scene import render_scene
from nasion.train.lowres import crop_side, enlarge, shrink
from nasion.train.mos_scenes import compose, rendered

HERE = Path(__file__).parent
SIDE, GAP = 192, 6
EDGE_SIGMA, DARK = 20.0, 2.5


def head(seed: int) -> np.ndarray:
    """A rendered head, sharp and well lit."""
    options = SceneOptions(size=(SIDE, SIDE), yaw=(-25, 25), degrade=0.0)
    scene = sample_scene(np.random.default_rng(seed), options)
    return np.asarray(render_scene(scene, HeadModel.load()).image)


def high_pass(image: np.ndarray) -> np.ndarray:
    """What FGTBT's blocks are told, as a picture: white where there is nothing."""
    bins = np.fft.fftfreq(SIDE, 1 / SIDE)
    keep = 1 - np.exp(-(bins[:, None] ** 2 + bins**2) / (2 * EDGE_SIGMA**2))
    found = np.abs(np.fft.ifft2(np.fft.fft2(image / 255.0, axes=(0, 1)) * keep[..., None], axes=(0, 1)).real).mean(2)
    grey = 255 * (1 - np.clip(found / np.quantile(found, 0.995), 0, 1))
    return np.repeat(grey.astype(np.uint8)[..., None], 3, 2)


def edges() -> list[np.ndarray]:
    """A head and its edges, then both darkened."""
    image = head(4)
    dark = (255 * (image / 255.0) ** DARK).astype(np.uint8)
    return [image, high_pass(image), dark, high_pass(dark)]


def sizes() -> list[np.ndarray]:
    """A head and what is left of it at four sizes."""
    image, rng = head(11), np.random.default_rng(3)
    small = [enlarge(shrink(image, crop_side(face), rng), SIDE) for face in (40, 24, 16, 12)]
    return [image, *small]


def marked(image: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The picture with the boxes, points and axes of faces (F, 17)."""
    image = image.copy()
    for face in faces:
        x0, y0, x1, y1 = (round(float(v)) for v in face[:4])
        cv2.rectangle(image, (x0, y0), (x1, y1), (255, 220, 60), 1)
        for x, y in face[4:14].reshape(5, 2):
            cv2.circle(image, (round(float(x)), round(float(y))), 2, (60, 255, 120), -1, cv2.LINE_AA)
        nose, axes = face[8:10], angles_to_rotation(*map(float, face[14:])) * (x1 - x0) * 0.5
        for k_axis, colour in enumerate(((255, 80, 80), (80, 200, 80), (80, 140, 255))):
            way = axes[:2, k_axis] * (-1 if k_axis == 2 else 1)  # the nose points to the camera
            end = tuple(int(v) for v in nose + way)
            cv2.line(image, (round(float(nose[0])), round(float(nose[1]))), end, colour, 2, cv2.LINE_AA)
    return image


def scenes() -> list[tuple[np.ndarray, np.ndarray]]:
    """Scenes as MOS learns from, and their labels; of heads that no training has seen."""
    heads, rng = rendered(21, 9), np.random.default_rng(5)
    made = []
    for k in range(4):
        chosen = [(heads.images[i], heads.faces[i]) for i in range(2 * k, 2 * k + 2)]
        made.append(compose(rng, SIDE, chosen, rng.uniform(45, 100, 2)))
    return made


def astronaut(side: int, over: float = 2.2) -> np.ndarray:
    """Her face in the middle of ``over`` times as much picture."""
    spec = find_spec("skimage")
    assert spec is not None, "pip install nasion[demo]"
    image = read_image(Path(str(spec.origin)).parent / "data" / "astronaut.png")
    half = round(50 * over)
    part = image[max(0, 120 - half) : 120 + half, 224 - half : 224 + half]
    part = cv2.copyMakeBorder(part, 2 * half - len(part), 0, 0, 0, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA))


def found(model: Path) -> list[np.ndarray]:
    """The same scenes as the trained detector sees them, and a photo."""
    detector = FaceDetector(model, threads=1)

    def rows(image: np.ndarray) -> np.ndarray:
        faces = detector.detect(image)
        return np.array([
            [*f.box.to_array(), *f.landmarks.points.ravel(), f.pose.yaw, f.pose.pitch, f.pose.roll] for f in faces
        ]).reshape(-1, 17)  # fmt: skip

    return [marked(image, rows(image)) for image in (*(image for image, _ in scenes()), astronaut(SIDE))]


def painted(state: Path) -> list[np.ndarray]:
    """Three faces: at 16 px, painted by the trained network, with the points it places there, and as they are."""
    import torch

    from nasion.landmark.view import cut, view_matrix
    from nasion.train.score import predict_pixels
    from nasion.train.sht import SHT, sharpen

    recipe, size = SHT(width=16), 64
    net = recipe.build(68, size)
    net.load_state_dict(torch.load(state, weights_only=True)["state"])
    net.eval()
    columns = []
    for picture in (head(4), head(11), astronaut(SIDE)):
        (face,) = Analyzer(max_faces=1, tasks=("landmarks",))(picture)
        view = cut(picture, view_matrix(face.landmarks, size), size)
        low = enlarge(shrink(view, 16), size)[None]
        sharp, points = sharpen(net, low)[0], predict_pixels(recipe, net, low)[0]
        big = [np.asarray(cv2.resize(x, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) for x in (low[0], sharp, view)]
        for x, y in (points + 0.5) * SIDE / size - 0.5:
            cv2.circle(big[1], (round(float(x)), round(float(y))), 1, (60, 255, 120), -1, cv2.LINE_AA)
        columns += [*big]
    return columns


def main() -> None:
    """Write the strips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mos", type=Path)
    parser.add_argument("--sht", type=Path)
    args = parser.parse_args()
    strips = {"fgtbt_edges": edges(), "sht_sizes": sizes(), "mos_scenes": [marked(*scene) for scene in scenes()]}
    if args.mos:
        strips["mos_found"] = found(args.mos)
    if args.sht:
        strips["sht_painted"] = painted(args.sht)
    for name, parts in strips.items():
        strip = np.full((SIDE, len(parts) * (SIDE + GAP) - GAP, 3), 255, np.uint8)
        for i, part in enumerate(parts):
            strip[:, i * (SIDE + GAP) : i * (SIDE + GAP) + SIDE] = part
        Image.fromarray(strip).quantize(128).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
