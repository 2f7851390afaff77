"""The shape of the synthetic head: a mean face and components, from thousands of closed-mouthed faces.

Each face's dense points are laid on the metric mean face by the best similarity over points on bone, which removes
place, size and pose. Only faces whose lips touch take part, people with many pictures count once (their average), what
the action units can explain is taken out, and the rest is split into its symmetric and antisymmetric half, whose
principal components are the identity. Lids and the seam of the mouth are put aside: the model closes the mouth and sets
the lids.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, IntArray, scheme
from nasion.core.geometry.rotation import nearest_rotation, rotations_to_angles
from nasion.pose.head_pose import RIGID
from nasion.synth.expression import fields, lip_pairs
from training.synth.privacy import membership

SETS = ("faces", "identity", "landmarks68", "expression")  # never demographics, HELEN's test part, pose, photos, video
LEFT_OUT = ("landmarks68/val", "expression/ckplus48")
SPREAD, YAW, PITCH, LIPS = 0.02, 25.0, 18.0, 1.3  # of the labels; degrees; degrees; mm between the lips' inner edges
DEPTH = 1.04  # the teacher's depth over the parallax of turned faces (training/mean_face.py)
SYMMETRIC, ASYMMETRIC = 34, 6
OUTLIER = 3.2  # robust standard deviations of a face's distance from the mean


@dataclass(frozen=True)
class Faces:
    """Faces laid on the mean face.

    Attributes:
        points: (F, 468, 3) mm, laid on the mean face.
        irises: (F, 2, 3) mm, centres, right then left.
        files: (F,) picture of each; person: (F,) name, unique where unknown.
        angles: (F, 3) yaw, pitch, roll that were taken out.
        lips: (F,) mm between the lips' inner edges.
    """

    points: FloatArray
    irises: FloatArray
    files: np.ndarray
    person: np.ndarray
    angles: FloatArray
    lips: FloatArray


def read(labels: list[Path]) -> Faces:
    """All faces of the allowed sets whose labels are sure, in any pose."""
    loaded = [np.load(file, allow_pickle=False) for file in labels]
    points = np.concatenate([d["points"] for d in loaded]).astype(np.float64)
    files = np.concatenate([d["file"] for d in loaded])
    spread = np.concatenate([d["spread"] for d in loaded])
    parts = [Path(str(f)).parts for f in files]
    at = [p.index("data") + 1 for p in parts]
    keep = np.array(
        [
            s < SPREAD and p[k] in SETS and not any("/".join(p[k:]).startswith(x) for x in LEFT_OUT)
            for p, k, s in zip(parts, at, spread, strict=True)
        ]
    )
    person = np.array([person_of(p[k:]) for p, k in zip(parts, at, strict=True)])[keep]
    template = np.asarray(scheme("dense478").template, np.float64)
    laid, turn = lay_on(points[keep], template)
    laid[..., 2] *= DEPTH
    angles = rotations_to_angles(turn.transpose(0, 2, 1))
    lips = np.linalg.norm(laid[:, 13] - laid[:, 14], axis=1)
    return Faces(laid[:, :468], laid[:, [468, 473]], files[keep], person, angles, lips)


def person_of(parts: tuple[str, ...]) -> str:
    """Who a picture shows, as far as its place tells; a name of its own where it does not."""
    if parts[0] == "identity":
        return "/".join(parts[:2])
    name = "/".join(parts)
    return name.rsplit("_", 1)[0] if parts[0] == "expression" else name


def lay_on(points: FloatArray, template: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(F, 478, 3) points on the template by similarities over points on bone, and the (F, 3, 3) turns applied."""
    index = list(RIGID)
    goal = template[index]
    centre = points[:, index].mean(1, keepdims=True)
    away, target = points[:, index] - centre, goal - goal.mean(0)
    turn = nearest_rotation(np.einsum("ni,fnj->fij", target, away))
    turned = np.einsum("fij,fnj->fni", turn, away)
    scale = (turned * target).sum((1, 2)) / (turned**2).sum((1, 2))
    return scale[:, None, None] * np.einsum("fij,fnj->fni", turn, points - centre) + goal.mean(0), turn


def neutral(faces: Faces) -> Faces:
    """Nearly frontal faces with their lips together, without outliers."""
    keep = (np.abs(faces.angles[:, 0]) < YAW) & (np.abs(faces.angles[:, 1]) < PITCH) & (faces.lips < LIPS)
    away = np.sqrt(((faces.points - np.median(faces.points[keep], 0)) ** 2).sum(-1).mean(1))
    usual, spread = np.median(away[keep]), np.median(np.abs(away[keep] - np.median(away[keep]))) * 1.4826
    keep &= away < usual + OUTLIER * spread
    return Faces(*(getattr(faces, name)[keep] for name in Faces.__dataclass_fields__))


def people(faces: Faces) -> tuple[FloatArray, IntArray]:
    """(P, 468, 3) the average face of each person, and how many pictures went into it."""
    _, who, count = np.unique(faces.person, return_inverse=True, return_counts=True)
    total = np.zeros((len(count), 468, 3))
    np.add.at(total, who, faces.points)
    return total / count[:, None, None], count


def mean_face(shapes: FloatArray) -> FloatArray:
    """(468, 3) mm: the symmetric mean with its lips shut."""
    flip = scheme("dense478").flip[:468]
    mean = shapes.mean(0)
    mean = (mean + mean[flip] * (-1, 1, 1)) / 2
    return shut(mean)


def shut(face: FloatArray) -> FloatArray:
    """Lay the partners of the lips' inner edge on each other; the next ring follows half."""
    out = face.copy()
    inner = lip_pairs(0)
    shift = (face[inner[:, 1]] - face[inner[:, 0]]) / 2
    for ring, share in ((0, 1.0), (1, 0.5)):
        upper, lower = lip_pairs(ring).T
        out[upper] += share * shift
        out[lower] -= share * shift
    return out


def components(shapes: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray, dict[str, float]]:
    """Identity components.

    Returns:
        (40, 468, 3) mm per standard deviation, symmetric ones first; (P, 40) codes of the people; shares of variance.
    """
    flip = scheme("dense478").flip[:468]
    mirrored = np.array([-1.0, 1, 1])
    units = fields(mean)
    away = np.stack([shut(mean + d) - mean for d in shapes - mean])
    away[:, lid_points()] = lid_follow(away)
    away -= away.mean(0)
    both = (away + away[:, flip] * mirrored) / 2, (away - away[:, flip] * mirrored) / 2
    out, codes, shares = [], [], {}
    for half, count, name, basis in (
        (both[0], SYMMETRIC, "symmetric", units.sum(1)),
        (both[1], ASYMMETRIC, "asymmetric", units[:, 0] - units[:, 1]),
    ):
        flat = half.reshape(len(half), -1)
        q = expression_basis(basis)
        rest = flat - (flat @ q) @ q.T
        shares[f"{name} without expression"] = float((rest**2).sum() / (flat**2).sum())
        _, s, vt = np.linalg.svd(rest, full_matrices=False)
        vt *= np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(1)])[:, None]  # the sign of a component is a free choice
        sd = s[:count] / np.sqrt(len(rest))
        inside, guess = membership(rest, count, np.random.default_rng(0))
        shares[f"{name}: error of those learned from over others'"] = inside
        shares[f"{name}: rebuilt better than another"] = guess
        shares[name] = float((s[:count] ** 2).sum() / (s**2).sum())
        out.append(vt[:count] * sd[:, None])
        codes.append(rest @ vt[:count].T / sd)
    learned = np.concatenate(out).reshape(-1, 468, 3)
    # what was taken out with the units opens the seam a little; lips at rest are shut whoever they belong to
    return np.stack([shut(mean + d) - mean for d in learned]), np.concatenate(codes, axis=1), shares


def expression_basis(units: FloatArray) -> FloatArray:
    """(1404, K) orthonormal: what the action units, one by one and together, can do."""
    flat = units.reshape(len(units), -1)
    flat = flat[np.linalg.norm(flat, axis=1) > 0]
    _, s, vt = np.linalg.svd(flat / np.linalg.norm(flat, axis=1, keepdims=True), full_matrices=False)
    return np.asarray(vt[s > 0.12].T)


def lid_points() -> IntArray:
    """The lids' margins without their corners."""
    layout = scheme("dense478")
    corners = {33, 133, 263, 362}
    return np.array([i for side in ("right", "left") for i in layout.index(f"{side}_eye") if i not in corners])


def lid_follow(away: FloatArray) -> FloatArray:
    """Lid margins that only follow their corners, since the model sets the lids' openings itself."""
    from training.synth.topology import MARGIN

    layout = scheme("dense478")
    template = np.asarray(layout.template, np.float64)
    out = away.copy()
    for ring in (np.array(MARGIN), layout.flip[list(MARGIN)]):
        outer, inner = ring[0], ring[8]
        along = (template[ring, 0] - template[outer, 0]) / (template[inner, 0] - template[outer, 0])
        out[:, ring] = away[:, [outer]] + (away[:, [inner]] - away[:, [outer]]) * along[:, None]
    return out[:, lid_points()]
