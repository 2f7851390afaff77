"""Our own metric mean face: the 3-D template of scheme ``dense478``, from nothing but 2-D points of turned faces.

The teacher's dense labels (``training/teachers/mediapipe_dense.py``) over thousands of faces in different poses are
factorised into one rigid shape and one scaled-orthographic pose a face: alternately the pose of each face from the
current shape and the shape from all poses, both by least squares on x and y only. Depth thus comes from the parallax
between real poses, not from the teacher's z, which is compared at the end. The two sides of the face are averaged.

    python -m training.mean_face LABELS.npz [LABELS.npz ...] [--out src/nasion/core/schemes/mean_face.npy]

Frame: millimetres, origin midway between the eyes (an eye = the middle of its lid corners), x image-right when facing
the camera, y down, z away from it. Scale: the eyes are 63 mm apart, the adult mean. Pitch zero: the ear ends of the
outline (points 127 and 356) lie level with the eyes. Against the labels of 16 AFLW2000 photos, angles from this frame
are 2.4 degrees higher in pitch on average (1.1 within yaw +-40); with the line from forehead to chin upright instead
they would be 5.7 lower.

Source: Tomasi and Kanade, "Shape and Motion from Image Streams under Orthography", IJCV 1992; the alternation as in
Torresani, Hertzmann and Bregler, "Nonrigid Structure-from-Motion", PAMI 2008, with a rigid shape.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from nasion.core.arrays import FloatArray, IntArray
from nasion.core.geometry.rotation import nearest_rotation, rotation_from_vector, rotations_to_angles
from nasion.core.schemes import scheme

EYE_DISTANCE = 63.0  # mm: mean of adult men and women, Dodgson, "Variation and extrema of human IPD", SPIE 2004
EAR_END = 127
SAMPLE = 6000  # faces; another draw of as many moves no coordinate by more than 0.2 mm


def read_labels(files: list[Path], spread: float) -> FloatArray:
    """(F, 478, 3) px: the faces whose teacher views agree to ``spread``, each scaled to unit size and centred."""
    loaded = [np.load(file, allow_pickle=False) for file in files]
    points = np.concatenate([data["points"][data["spread"] < spread] for data in loaded]).astype(np.float64)
    points -= points.mean(1, keepdims=True)
    return np.asarray(points / np.sqrt((points[..., :2] ** 2).sum(-1).mean(1))[:, None, None])


def choose(points: FloatArray, shape: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(SAMPLE,) indices of faces, drawn so that turned faces count as much as frontal ones."""
    yaw = rotations_to_angles(fit_poses(points[..., :2], shape)[0])[:, 0]
    bins = np.digitize(np.abs(yaw), [5, 10, 15, 20, 25, 30, 40, 50, 60])
    weight = 1 / np.bincount(bins, minlength=10)[bins]
    return np.asarray(rng.choice(len(points), min(SAMPLE, len(points)), replace=False, p=weight / weight.sum()))


def fit_poses(
    xy: FloatArray, shape: FloatArray, rotations: FloatArray | None = None, steps: int = 4
) -> tuple[FloatArray, FloatArray]:
    """Scaled-orthographic poses by Gauss-Newton on the reprojection error; centroids of ``xy`` and ``shape`` at zero.

    Returns:
        (F, 3, 3) rotations and (F,) scales.
    """
    covariance = shape.T @ shape
    if rotations is None:
        affine = np.linalg.solve(covariance, np.einsum("nj,fni->fji", shape, xy)).transpose(0, 2, 1)
        rows = affine / np.linalg.norm(affine, axis=2, keepdims=True)
        rotations = nearest_rotation(np.concatenate([rows, np.cross(rows[:, :1], rows[:, 1:])], axis=1))
    moment = np.einsum("fni,nj->fij", xy, shape)  # all that the fit needs to know of a face
    scales = np.ones(len(xy))
    for _ in range(steps):
        rows = rotations[:, :2]
        scales = np.einsum("fij,fij->f", rows, moment) / np.einsum("fij,jk,fik->f", rows, covariance, rows)
        # derivative of s R[:2] X by a turn w about the camera axes, w x (R X), and by the scale
        turns = np.stack([np.cross(np.eye(3)[k], rotations, axisa=0, axisb=1, axisc=1)[:, :2] for k in range(3)], 1)
        basis = np.concatenate([scales[:, None, None, None] * turns, rows[:, None]], axis=1)
        normal = np.einsum("faij,jk,fbik->fab", basis, covariance, basis)
        residual = moment - scales[:, None, None] * (rows @ covariance)
        step = np.linalg.solve(normal, np.einsum("faij,fij->fa", basis, residual)[..., None])[..., 0]
        rotations = rotation_from_vector(np.clip(step[:, :3], -0.3, 0.3)) @ rotations
    return rotations, scales


def fit_shape(xy: FloatArray, rotations: FloatArray, scales: FloatArray, mirror: IntArray) -> FloatArray:
    """(478, 3) shape from known poses: linear least squares, in units of each face's own scale, then symmetrised."""
    rows = rotations[:, :2]
    normal = np.einsum("fij,fik->jk", rows, rows)
    shape = np.linalg.solve(normal, np.einsum("fij,fni->jn", rows, xy / scales[:, None, None])).T
    shape = (shape + shape[mirror] * (-1, 1, 1)) / 2
    return np.asarray(shape - shape.mean(0))


def cost(xy: FloatArray, shape: FloatArray) -> float:
    """Root mean square reprojection error over the rms size of a face."""
    rotations, scales = fit_poses(xy, shape, steps=6)
    return float(
        np.sqrt(((xy - scales[:, None, None] * (shape @ rotations[:, :2].transpose(0, 2, 1))) ** 2).sum(-1).mean())
    )


def best_depth(xy: FloatArray, shape: FloatArray) -> tuple[float, list[float]]:
    """The factor on z that lowers the error most. Depth and turning trade off, so alternation alone crawls along it."""
    factors = np.array([0.97, 1.0, 1.03])
    errors = [cost(xy, shape * (1, 1, g)) for g in factors]
    a, b, _ = np.polyfit(factors - 1, np.square(errors), 2)
    return float(1 + np.clip(-b / (2 * a), -0.1, 0.1)) if a > 0 else 1.0, errors


def to_head_frame(shape: FloatArray) -> FloatArray:
    """Scale to mm, put the origin between the eyes and level the line from there to the ear ends of the outline."""
    layout = scheme("dense478")
    eyes = {side: shape[layout.index(f"{side}_eye_corners")].mean(0) for side in ("left", "right")}
    shape = (shape - (eyes["left"] + eyes["right"]) / 2) * (EYE_DISTANCE / np.linalg.norm(eyes["left"] - eyes["right"]))
    _, down, back = shape[EAR_END]
    return np.asarray(shape @ rotation_from_vector(np.array([np.arctan2(down, back), 0, 0])).T)


def main() -> None:
    """Read the labels, factorise, print what was found and write the template."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("src/nasion/core/schemes/mean_face.npy"))
    parser.add_argument("--spread", type=float, default=0.03, help="leave out faces the teacher is less sure of")
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    mirror = scheme("dense478").flip
    points = read_labels(args.labels, args.spread)
    teacher = points.mean(0)
    teacher = (teacher + teacher[mirror] * (-1, 1, 1)) / 2
    shape = teacher * (1, 1, 0.7)  # a start that is deliberately too flat: depth must come from the parallax
    chosen = choose(points, teacher, np.random.default_rng(0))
    xy = points[chosen, :, :2]
    rotations, scales = fit_poses(xy, shape, steps=8)
    for k in range(args.rounds):
        shape = fit_shape(xy, rotations, scales, mirror)
        factor = 1.0
        if k % 4 == 0 and k < args.rounds * 2 / 3:
            factor, errors = best_depth(xy, shape)
            print(
                f"round {k}: error {100 * errors[1]:.3f} % of the face's rms size, depth times {factor:.4f}", flush=True
            )
            shape *= (1, 1, factor)
        rotations, scales = fit_poses(xy, shape, None if factor != 1 else rotations)
    # how tall the face is to how deep, against the teacher's own 3-D points, each laid on our shape by its best turn
    yaw = rotations_to_angles(rotations)[:, 0]
    print(
        f"{len(points)} faces, {len(chosen)} used; yaw p5 {np.percentile(yaw, 5):.1f} p95 {np.percentile(yaw, 95):.1f}"
    )
    upright = np.einsum("fji,fnj->fni", rotations, points[chosen] / scales[:, None, None]).mean(0)
    upright = (upright + upright[mirror] * (-1, 1, 1)) / 2
    ratio = np.linalg.lstsq(upright[:, 2:] - upright[:, 2:].mean(0), shape[:, 2], rcond=None)[0][0]
    print(f"our depth over the teacher's z, turned to the front: {ratio:.3f}")
    head = to_head_frame(shape)
    line = head[152] - head[10]
    print(f"forehead top to chin leans back by {np.degrees(np.arctan2(line[2], line[1])):.1f} degrees")
    names = {"nose tip": 4, "forehead top": 10, "chin": 152, "right mouth corner": 61, "right ear side": 127}
    for name, i in names.items():
        print(f"{name}: x {head[i, 0]:.1f} y {head[i, 1]:.1f} z {head[i, 2]:.1f} mm")
    np.save(args.out, head.astype(np.float32))


if __name__ == "__main__":
    main()
