"""Write ``src/nasion/synth/head.npz``: topology, shape and skin of the synthetic head.

    python -m training.synth.skin LABELS.npz [LABELS.npz ...]
    python -m training.synth.build LABELS.npz [LABELS.npz ...]

LABELS.npz come from ``training/teachers/mediapipe_dense.py``.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray, IntArray, scheme
from nasion.synth.parameters import N_ALBEDO
from training.synth import shape as shapes
from training.synth import topology
from training.synth.privacy import participation
from training.synth.skin import COARSE, GRID_MM, Y_TOP
from training.synth.topology import CREASE, MARGIN, Mesh, lip_rings

BROW_GROWN = 1.35  # the brow's outline that is drawn over, over the points' own


def rim(mesh: Mesh, ring: IntArray) -> IntArray:
    """The refined vertices along a closed ring of coarse points: each point and the middle of its edge to the next."""
    middle = {tuple(sorted(e)): i for i, e in enumerate(mesh.edges.tolist()) if e[0] != e[1]}
    out = []
    for a, b in zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True):
        out += [a, middle[tuple(sorted((a, b)))]]
    return np.array(out)


def rings(mesh: Mesh) -> dict[str, IntArray]:
    layout = scheme("dense478")
    left = layout.flip
    outline = np.array(layout.index("face_oval"))
    outline = np.concatenate([outline[:1], outline[1:][::-1]])  # over the subject's right side first
    return {
        "margin": np.array([left[list(MARGIN)], MARGIN]),
        "crease": np.array([rim(mesh, left[list(CREASE)]), rim(mesh, np.array(CREASE))]),
        "lips": rim(mesh, lip_rings()[3]),
        "outline": rim(mesh, outline),
    }


def jaw_weights(triangles: IntArray, face: FloatArray) -> FloatArray:
    """(468,) how far each point goes with the jaw: fixed where bone says so, a soap film in between."""
    layout = scheme("dense478")
    upper, lower = lip_rings()[:, 1:10].ravel(), lip_rings()[:, 11:].ravel()
    both = lambda *points: [*points, *(int(layout.mirror[p]) for p in points)]  # noqa: E731
    fixed: dict[int, float] = dict.fromkeys(upper.tolist(), 0.0)
    fixed |= {i: 0.0 for i in range(468) if face[i, 1] < 40}
    fixed |= dict.fromkeys(both(164, 167, 165, 92, 186, 206, 203, 36, 205, 50, 123, 147, 177, 93, 137), 0.0)
    fixed |= dict.fromkeys(lower.tolist(), 1.0)
    fixed |= dict.fromkeys(
        both(18, 200, 199, 175, 152, 83, 201, 208, 171, 148, 182, 194, 32, 140, 176, 106, 204, 211), 1.0
    )
    fixed |= dict.fromkeys(both(170, 149, 169, 150), 0.94) | dict.fromkeys(both(136, 135, 210), 0.84)
    fixed |= dict.fromkeys(both(172, 138), 0.62) | dict.fromkeys(both(58), 0.3) | dict.fromkeys(both(132, 215), 0.1)
    fixed |= dict.fromkeys(both(61, 76, 62, 78), 0.42) | dict.fromkeys(both(213), 0.24)
    near: dict[int, set[int]] = defaultdict(set)
    for a, b, c in triangles.tolist():
        near[a] |= {b, c}
        near[b] |= {a, c}
        near[c] |= {a, b}
    weight = np.array([fixed.get(i, 0.4) for i in range(468)])
    free = [i for i in range(468) if i not in fixed and near[i]]
    for _ in range(400):
        for i in free:
            others = list(near[i])
            w = 1 / np.linalg.norm(face[others] - face[i], axis=1)
            weight[i] = w @ weight[others] / w.sum()
    return weight


def without_brows(maps: FloatArray, layout: FloatArray, step: float) -> FloatArray:
    """(K, R, C, 3) half maps of log reflectance with the skin around the brows drawn over them; brows are painted."""
    rows, columns = maps.shape[1:3]
    mask = np.zeros((rows, columns), np.float32)
    ring = layout[list(scheme("dense478").index("right_brow"))]
    grown = ring.mean(0) + (ring - ring.mean(0)) * BROW_GROWN
    at = (grown - (-columns * step, Y_TOP)) / step - 0.5
    cv2.fillPoly(mask, [np.rint(at * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask, (0, 0), 2.0 / step)[..., None]
    bare = 1 - cv2.dilate(mask, np.ones((3, 3), np.uint8))
    out = maps.copy()
    for k, image in enumerate(maps):
        near = cv2.GaussianBlur(image * bare[..., None], (0, 0), 6.0 / step)
        near /= np.maximum(cv2.GaussianBlur(bare, (0, 0), 6.0 / step), 1e-4)[..., None]
        cover = np.clip(np.maximum(mask[..., None], 1.6 * soft), 0, 1)
        out[k] = image + cover * (near - image)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="+")
    parser.add_argument("--skin", type=Path, default=Path("training/work/synth/skin.npz"))
    parser.add_argument("--out", type=Path, default=Path("src/nasion/synth/head.npz"))
    args = parser.parse_args()
    mesh = topology.build()
    lips = set(lip_rings().ravel().tolist())
    coarse_lips = np.array([set(t) <= lips for t in mesh.coarse.tolist()])
    faces = shapes.neutral(shapes.read(args.labels))
    persons, _ = shapes.people(faces)
    mean = shapes.mean_face(persons)
    components, codes, shares = shapes.components(persons, mean)
    print(f"{len(faces.points)} faces of {len(persons)} people; one's share at most {participation(codes):.4f}")
    for name, value in shares.items():
        print(f"  {name}: {value:.3f}")
    inside, guess = (
        [value for name, value in shares.items() if name.endswith(end)] for end in ("over others'", "than another")
    )
    worst = min(inside), max(guess)
    weights = mesh.weights.tocsr()
    ring = rings(mesh)
    skin = np.load(args.skin, allow_pickle=False)
    skin_mean = without_brows(skin["mean"][None].astype(np.float32), mesh.layout, GRID_MM)[0]
    patterns = without_brows(skin["components"][:N_ALBEDO].astype(np.float32), mesh.layout, GRID_MM * COARSE)
    scale = np.abs(patterns).max((1, 2, 3))
    levels = np.rint(patterns / scale[:, None, None, None] * 127).astype(np.int8)
    np.savez_compressed(
        args.out,
        skin_mean=skin_mean.astype(np.float16),
        skin_components=levels,
        skin_scale=scale.astype(np.float32),
        mean=mean.astype(np.float32),
        components=components.astype(np.float16),
        jaw=jaw_weights(mesh.coarse, mean).astype(np.float32),
        triangles=mesh.triangles.astype(np.uint16),
        lips=np.tile(coarse_lips, 4),
        layout=mesh.layout.astype(np.float32),
        weights=weights.data.astype(np.float32),
        columns=weights.indices.astype(np.uint16),
        rows=weights.indptr.astype(np.uint32),
        shape_privacy=np.array([len(persons), participation(codes), *worst]),
        skin_privacy=skin["privacy"] if "privacy" in skin.files else np.zeros(4),
        **{f"ring_{name}": value.astype(np.uint16) for name, value in ring.items()},
    )
    print(f"{args.out}: {args.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
