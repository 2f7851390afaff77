"""The skin of the synthetic head: mean albedo and components from thousands of unwrapped, unshaded faces.

A nearly frontal face is unwrapped through its dense points, its light is fitted as second-order spherical harmonics of
the normals on the mean albedo (per colour channel, robustly) and divided out. What a face's bare skin
differs by on average is tone and is removed: tone is set on its own. The two sides are averaged by how well they were
seen. Components are those of the logarithm, in half an atlas.

    python -m training.synth.skin LABELS.npz [LABELS.npz ...]

LABELS.npz come from ``training/teachers/mediapipe_dense.py``; writes ``training/work/synth/skin.npz``.

Source: Basri and Jacobs, "Lambertian Reflectance and Linear Subspaces", PAMI 2003 (nine harmonics).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray, IntArray, scheme
from nasion.synth.raster import rasterise
from training.synth import shape as shapes
from training.synth import topology
from training.synth.privacy import membership, participation
from training.synth.shape import Faces
from training.synth.topology import CREASE, MARGIN, Mesh, inside

GRID_MM = 0.8  # of the unrolled face, one texel
COARSE = 2  # components have every other texel
X_REACH, Y_TOP, Y_BOTTOM = 96.0, -66.0, 112.0  # mm of the unrolled face that the maps cover
YAW, PITCH = 14.0, 14.0
SIZE_PX = 55.0  # px between the eyes at least; sharper pictures only
LEARNED = 40  # components; the model ships the first N_ALBEDO of them
FACES = 1000  # drawn from those sharp enough
LIPS = 8.0  # mm between the lips at most
CHROMA = 0.45  # of a face's own colour differences that is kept: coloured light looks the same
FIT_EVERY = 15  # texels: the light has nine numbers a channel
ODD = 0.18  # log units off the fit at which a texel counts half
ROUNDS = (160, 160, 300, None)  # faces that take part while the mean settles; None for all
RIDGE = 0.03  # holds back the second order, which noses and lips would otherwise bend to their own colours
DARKEST = 0.45  # of a face's median light: what lies deeper in shade is left a little dark
KEEP = 85.0  # per cent of the faces, the ones whose light fits best: the rest wear glasses, hair, hats or hard shadows
SKIN_BAND = 0.30  # facing the camera by this cosine or more


@dataclass(frozen=True)
class Chart:
    """The half atlas: texels by triangle of the refined face with its lids filled in.

    Attributes:
            shape: (rows, columns) of the whole map.
            corners: (N, 3) vertices, weights: (N, 3), of the N texels on the face; place: (N,) their index in the map.
            triangles: (T, 3) with the eyes' lids; weights_of: (V, 468) sparse vertices from dense points.
    """

    shape: tuple[int, int]
    corners: IntArray
    weights: FloatArray
    place: IntArray
    triangles: IntArray
    vertices: object


def chart(mesh: Mesh) -> Chart:
    """Texels of the unrolled face; each lid is one strip of triangles from crease to margin."""
    left = scheme("dense478").flip
    extra = []
    for side in (np.array(MARGIN), left[list(MARGIN)]):
        crease = np.array(CREASE) if side[0] == 33 else left[list(CREASE)]
        a, b, c, d = crease, np.roll(crease, -1), side, np.roll(side, -1)
        both = [np.stack(t, axis=1) for t in ((a, c, b), (b, c, d))]
        extra += both if side[0] == 33 else [t[:, ::-1] for t in both]
    triangles = np.concatenate([mesh.triangles, *extra])
    rows, columns = round((Y_BOTTOM - Y_TOP) / GRID_MM), 2 * round(X_REACH / GRID_MM)
    pixels = (mesh.layout - (-X_REACH, Y_TOP)) / GRID_MM - 0.5
    seen = rasterise(pixels, np.full(len(pixels), 1000.0), triangles, (columns, rows), both_sides=True).triangle
    place = np.flatnonzero(seen.ravel() >= 0)
    corners = triangles[seen.ravel()[place]]
    at = np.stack([place % columns, place // columns], axis=1)
    p = pixels[corners]
    ab, ac, ap = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], at - p[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    wb = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    wc = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    return Chart((rows, columns), corners, np.stack([1 - wb - wc, wb, wc], axis=1), place, triangles, mesh.weights)


def harmonics(normals: FloatArray) -> FloatArray:
    """(N, 9) second-order harmonics of unit normals, without their constant factors."""
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], axis=1)


def unwrap(chart: Chart, picture: np.ndarray, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Linear colours and normals of the chart's texels in one picture.

    Args:
        chart: the texels.
        picture: (H, W, 3) uint8 RGB.
        points: (468, 3) px, z away from the camera.

    Returns:
        (N, 3) linear RGB, NaN outside the picture; (N, 3) unit normals in the camera frame.
    """
    vertices = chart.vertices @ points
    place = np.einsum("nk,nki->ni", chart.weights, vertices[chart.corners])[:, :2].astype(np.float32)
    # a texel of the map is smaller than a pixel in most pictures, so bilinear look-up neither skips nor repeats much
    blocks = np.pad(place, ((0, -len(place) % 1024), (0, 0))).reshape(-1, 1024, 2)
    found = cv2.remap(
        picture, blocks[..., 0].copy(), blocks[..., 1].copy(), cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, 0
    )
    colour = found.reshape(-1, 3)[: len(place)].astype(np.float64) / 255
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    height, width = picture.shape[:2]
    outside = (place < 0).any(1) | (place[:, 0] > width - 1) | (place[:, 1] > height - 1)
    linear[outside] = np.nan
    t = chart.triangles
    face_normals = np.cross(vertices[t[:, 1]] - vertices[t[:, 0]], vertices[t[:, 2]] - vertices[t[:, 0]])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, t[:, k], face_normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    smooth = np.einsum("nk,nki->ni", chart.weights, normals[chart.corners])
    return linear, smooth / (np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-12)


def unshade(
    colour: FloatArray, normal: FloatArray, mean: FloatArray, trust: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Divide fitted light out of a face.

    Args:
        colour, normal: from ``unwrap``.
        mean: (N, 3) albedo so far.
        trust: (N,) 0..1, how much a texel counts in the fit of the light.

    Returns:
        (N, 3) log of albedo over the mean albedo; (N,) weight; median of the absolute logs, the fit's roughness.
    """
    basis = harmonics(normal)
    facing = -normal[:, 2]
    usable = np.isfinite(colour[:, 0]) & (facing > SKIN_BAND) & (colour.max(1) < 0.98) & (colour.min(1) > 0.004)
    colour = np.nan_to_num(colour, nan=1.0)
    some = np.flatnonzero(usable & (trust > 0))[::FIT_EVERY]
    out = np.zeros_like(colour)
    if len(some) < 500:
        return out, np.zeros(len(out)), np.inf
    for c in range(3):
        a, goal = basis[some] * mean[some, c, None], np.maximum(colour[some, c], 1e-3)
        w = trust[some]
        for _ in range(5):
            weighted = a * (w / goal)[:, None]  # relative errors: dark sides count as much as bright ones
            ridge = RIDGE * np.diag([0, 0.2, 0.2, 0.2, 1, 1, 1, 1, 1]) * np.trace(weighted.T @ weighted) / 9
            light = np.linalg.solve(weighted.T @ weighted + ridge, weighted.T @ w)
            off = np.log(goal / np.clip(a @ light, 0.1 * goal.mean(), None))
            w = trust[some] / (1 + (off / ODD) ** 2)
        shading = basis @ light
        lit = np.clip(shading, DARKEST * np.median(shading[some]), None) * mean[:, c]
        out[:, c] = np.log(np.maximum(colour[:, c], 1e-3) / lit)
    rough = float(np.median(np.abs(out[some])))
    return out, usable * np.clip((facing - SKIN_BAND) / 0.3, 0, 1), rough


def trusted(chart: Chart, layout: FloatArray) -> FloatArray:
    """(N,) 0 or 1: texels on bare skin, away from brows, eyes, lips, nostrils and the outline."""
    columns = chart.shape[1]
    at = np.stack([chart.place % columns, chart.place // columns], axis=1) * GRID_MM + (-X_REACH, Y_TOP) + GRID_MM / 2
    names = scheme("dense478")
    middle = layout[list(names.index("face_oval"))].mean(0)
    out = inside(middle + (layout[list(names.index("face_oval"))] - middle) * 0.86, at)
    left = names.flip
    nostrils = np.array([98, 97, 2, 326, 327, 358, 278, 457, 274, 1, 44, 237, 48, 129])
    for ring, grow in (
        (np.array(CREASE), 1.1), (left[list(CREASE)], 1.1), (np.array(names.index("right_brow")), 1.4),
        (np.array(names.index("left_brow")), 1.4), (np.array(names.index("outer_lips")), 1.12), (nostrils, 1.0),
    ):  # fmt: skip
        polygon = layout[ring]
        out &= ~inside(polygon.mean(0) + (polygon - polygon.mean(0)) * grow, at)
    return out.astype(np.float64)


@dataclass(frozen=True)
class Skin:
    """What is learned.

    Attributes:
        mean: (rows, columns / 2, 3) log albedo relative to bare skin, right half, outer edge first.
        components: (K, rows / 2, columns / 4, 3) the same per standard deviation, at half the resolution.
        codes: (F, K) of the faces.
        share: of the variance that the components hold.
        membership: two figures of ``privacy.membership``.
    """

    mean: FloatArray
    components: FloatArray
    codes: FloatArray
    share: float
    membership: tuple[float, float]


def learn(chart: Chart, layout: FloatArray, faces: Faces, raw: dict[str, FloatArray]) -> Skin:
    """Mean and components.

    Args:
        chart, layout: of the refined mesh.
        faces: candidates.
        raw: file to (478, 3) px.
    """
    trust = trusted(chart, layout)
    colours, normals = [], []
    for file in faces.files:
        picture = cv2.imread(str(file))
        if picture is None or np.abs(picture[..., 0].astype(int) - picture[..., 2]).mean() < 3:
            continue  # black and white
        colour, normal = unwrap(chart, picture[..., ::-1].copy(), raw[str(file)][:468].astype(np.float64))
        colours.append(colour.astype(np.float16))
        normals.append(normal.astype(np.float16))
    print(f"{len(colours)} faces unwrapped", flush=True)
    mean = np.full((len(chart.place), 3), 0.35, np.float32)
    mirror = mirrored(chart)
    for count in ROUNDS:
        logs, weights, rough = [], [], []
        for colour, normal in zip(colours[:count], normals[:count], strict=True):
            log, weight, odd = unshade(colour.astype(np.float32), normal.astype(np.float32), mean, trust)
            logs.append(log.astype(np.float16))
            weights.append(weight.astype(np.float16))
            rough.append(odd)
        good = np.array(rough) < np.percentile(rough, KEEP)
        stack = np.where(np.array(weights)[good, :, None] > 0.2, np.array(logs)[good], np.nan)
        step = np.zeros_like(mean)
        for start in range(0, len(mean), 4000):
            step[start : start + 4000] = np.nan_to_num(
                np.nanmedian(stack[:, start : start + 4000].astype(np.float32), axis=0)
            )
        step = (step + step[mirror]) / 2
        mean *= np.exp(step)
        print(
            f"{good.sum()} of {len(good)} faces, roughness {np.median(rough):.3f}, moved {np.abs(step).mean():.4f}",
            flush=True,
        )
    return finish(chart, trust, mean, np.array(logs)[good] - step, np.array(weights)[good], mirror)


def spread_out(chart: Chart, values: FloatArray) -> FloatArray:
    """(rows * columns, 3) float32: the texels in their places, gaps and surroundings filled from the nearest ones."""
    rows, columns = chart.shape
    full, known = np.zeros((rows * columns, 3), np.float32), np.zeros(rows * columns, np.float32)
    full[chart.place], known[chart.place] = values, 1
    full, known = full.reshape(rows, columns, 3), known.reshape(rows, columns)
    out = full.copy()
    for sigma in (1.0, 3.0, 9.0, 30.0):
        share = cv2.GaussianBlur(known, (0, 0), sigma)
        near = cv2.GaussianBlur(full, (0, 0), sigma) / np.maximum(share, 1e-6)[..., None]
        fill = (known == 0) & (share > 0.02)
        out[fill] = near[fill]
        full, known = out.copy(), np.maximum(known, fill)
    return out.reshape(-1, 3)


def mirrored(chart: Chart) -> IntArray:
    """(N,) index of each texel's mirror image."""
    rows, columns = chart.shape
    back = np.full(rows * columns, -1)
    back[chart.place] = np.arange(len(chart.place))
    other = back[chart.place // columns * columns + columns - 1 - chart.place % columns]
    return np.where(other >= 0, other, np.arange(len(other)))


def patterns(chart: Chart, trust: FloatArray, logs: np.ndarray, weights: np.ndarray, mirror: IntArray) -> FloatArray:
    """(F, rows / 2, columns / 4, 3) log albedo over the mean's of half faces: both sides averaged, tone taken out."""
    rows, columns = chart.shape
    half = (rows // COARSE, columns // COARSE // 2)
    maps = np.zeros((len(logs), *half, 3), np.float32)
    for k, (log, weight) in enumerate(zip(logs, weights, strict=True)):
        w = weight.astype(np.float32) + 1e-3
        both = (w[:, None] * log + w[mirror, None] * log[mirror]) / (w + w[mirror])[:, None]
        seen = np.maximum(w, w[mirror])
        both *= np.clip(seen / 0.2, 0, 1)[:, None]  # unseen on both sides: the mean
        grey = both.mean(1, keepdims=True)
        both = np.clip(grey, -1, 0.7) + CHROMA * np.clip(both - grey, -0.5, 0.5)
        full = spread_out(chart, both).reshape(rows, columns, 3)[:, : columns // 2]
        maps[k] = cv2.resize(full, half[::-1], interpolation=cv2.INTER_AREA)
    skin = np.zeros(rows * columns, np.float32)
    skin[chart.place] = trust
    skin = cv2.resize(skin.reshape(rows, columns)[:, : columns // 2], half[::-1], interpolation=cv2.INTER_AREA) > 0.5
    return np.asarray(maps - maps[:, skin].mean(1)[:, None, None])


def finish(
    chart: Chart, trust: FloatArray, mean: FloatArray, logs: np.ndarray, weights: np.ndarray, mirror: IntArray
) -> Skin:
    """Components of the faces' patterns."""
    rows, columns = chart.shape
    maps = patterns(chart, trust, logs, weights, mirror)
    half = maps.shape[1:3]
    flat = maps.reshape(len(maps), -1)
    flat = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    s = np.sqrt(np.maximum(values[::-1], 0))
    vt = (flat.T @ vectors[:, ::-1][:, :LEARNED]).T / s[:LEARNED, None]
    vt *= np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(1)])[:, None]  # the sign of a component is a free choice
    sd = s[:LEARNED] / np.sqrt(len(flat))
    components = (vt[:LEARNED] * sd[:, None]).reshape(LEARNED, *half, 3)
    logs_mean = np.log(mean)
    logs_mean -= logs_mean[trust > 0].mean(0)
    out = spread_out(chart, logs_mean)
    return Skin(
        out.reshape(rows, columns, 3)[:, : columns // 2],
        components,
        flat @ vt[:LEARNED].T / sd,
        float((s[:LEARNED] ** 2).sum() / (s**2).sum()),
        membership(flat, LEARNED, np.random.default_rng(0)),
    )


def candidates(labels: list[Path]) -> tuple[Faces, dict[str, FloatArray]]:
    """Faces sharp and frontal enough, in the order in which they are drawn; and all points, px, by file."""
    faces = shapes.read(labels)
    loaded = [np.load(file, allow_pickle=False) for file in labels]
    raw = {str(f): p for d in loaded for f, p in zip(d["file"], d["points"], strict=True)}
    between = np.array([np.linalg.norm(raw[str(f)][468, :2] - raw[str(f)][473, :2]) for f in faces.files])
    grey = np.array(["/identity/" in str(f) for f in faces.files])
    keep = (np.abs(faces.angles[:, :2]) < (YAW, PITCH)).all(1) & (faces.lips < LIPS) & (between > SIZE_PX) & ~grey
    return taken(faces, np.random.default_rng(0).permutation(np.flatnonzero(keep))), raw


def taken(faces: Faces, rows: IntArray) -> Faces:
    """Some of the faces."""
    return Faces(*(getattr(faces, name)[rows] for name in Faces.__dataclass_fields__))


def main() -> None:
    """Choose the faces, learn and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("training/work/synth/skin.npz"))
    parser.add_argument("--faces", type=int, default=FACES)
    args = parser.parse_args()
    mesh = topology.build()
    faces, raw = candidates(args.labels)
    faces = taken(faces, np.arange(min(args.faces, len(faces.files))))
    skin = learn(chart(mesh), mesh.layout, faces, raw)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figures = [len(skin.codes), participation(skin.codes), *skin.membership]
    np.savez_compressed(args.out, mean=skin.mean, components=skin.components, privacy=figures)
    print(
        f"one face's share of a component at most {figures[1]:.4f}; error of those inside over others' {figures[2]:.3f}"
    )
    print(f"a face learned from is rebuilt better than another {100 * figures[3]:.0f} % of the time")
    print(f"{len(skin.codes)} faces, {len(skin.components)} components hold {100 * skin.share:.0f} % of the variance")


if __name__ == "__main__":
    main()
