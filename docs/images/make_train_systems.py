"""Draw the pictures of the manual's pages on FGTBT, SHT and MOS. Rendered heads only: nobody's photo.

python docs/images/make_train_systems.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from nasion.core.geometry.rotation import angles_to_rotation
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


def scenes() -> list[np.ndarray]:
    """Scenes as MOS learns from, with their labels."""
    heads, rng, drawn = rendered(21, 9), np.random.default_rng(5), []
    for k in range(4):
        chosen = [(heads.images[i], heads.faces[i]) for i in range(2 * k, 2 * k + 2)]
        image, faces = compose(rng, SIDE, chosen, rng.uniform(45, 100, 2))
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
        drawn.append(image)
    return drawn


def main() -> None:
    """Write the three strips."""
    for name, parts in (("fgtbt_edges", edges()), ("sht_sizes", sizes()), ("mos_scenes", scenes())):
        strip = np.full((SIDE, len(parts) * (SIDE + GAP) - GAP, 3), 255, np.uint8)
        for i, part in enumerate(parts):
            strip[:, i * (SIDE + GAP) : i * (SIDE + GAP) + SIDE] = part
        Image.fromarray(strip).quantize(128).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
