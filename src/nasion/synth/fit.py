"""Fit the head to points of a photo: pose, shape, expression, lids and gaze.

Points go in with how far to trust them, the parameters come out that put the model's 478 points nearest to them. Two
steps: pose, identity and action units together on the skin's points, by bounded least squares with the components'
own spread as their prior (a MAP estimate; Blanz and Vetter, "A Morphable Model for the Synthesis of 3D Faces",
SIGGRAPH 1999); then lids and gaze on the points of lids and irises. Nothing here sees a pixel: ``fit_skin`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import least_squares, lsq_linear

from nasion.core import Camera, FloatArray, InputError, Landmarks, Pose
from nasion.core.geometry.pnp import solve_pnp
from nasion.core.geometry.rotation import rotation_from_vector, rotation_to_angles
from nasion.core.pose import line_of_sight
from nasion.synth import expression, eyes, lids
from nasion.synth.model import HeadModel
from nasion.synth.parameters import ACTION_UNITS, GAZE_PITCH, GAZE_YAW, LID_OPENING, LIMIT, N_IDENTITY, HeadParameters

# The jaw stands for 26 and 27, the lids' own angles for 43 and 45
FREE_UNITS: Final = tuple(unit for unit in ACTION_UNITS if unit not in (26, 27, 43, 45))
UNIT_SPREAD: Final = 0.35  # prior standard deviation of an intensity: most muscles of most faces rest
SIDE_SPREAD: Final = 0.15  # and of the difference between both sides
JAW_SPREAD: Final = 8.0  # degrees
JAW_LIMIT: Final = 25.0  # degrees
TOGETHER: Final = 2.0  # sigmas count this much larger: errors of neighbouring points go together
LEAST_SIGMA: Final = 0.004  # of the distance between the outer eye corners: no point is trusted further
ODD: Final = 3.0  # distances, in counted sigmas, at which a point weighs half in the next round
STEPS: Final = 8
TURN, SHIFT = 0.1, 10.0  # radians and mm that one unit of a pose parameter stands for
APART: Final = 6.0  # degrees, spread of the difference between both eyes' gaze
CALM: Final = 25.0  # degrees, spread of gaze
IRISES: Final = (slice(473, 478), slice(468, 473))  # left, right
CORNERS: Final = (33, 133, 263, 362)
OUTER: Final = (33, 263)
NEAREST: Final = 900.0  # mm


@dataclass(frozen=True, slots=True, eq=False)
class PointFit:
    """A head laid on points.

    Attributes:
        head: parameters that were found; colours are the defaults.
        pose: of the head, with the place in mm for ``camera``. Its reliability is 1 less the error in tenths of the
            distance between the outer eye corners.
        camera: as given.
        points: (478, 2) float64 px, where the fitted head has the dense points.
        distance: (478,) px between these and the given points.
        scale: px, distance between the given outer eye corners.
    """

    head: HeadParameters
    pose: Pose
    camera: Camera
    points: FloatArray
    distance: FloatArray
    scale: float

    @property
    def error(self) -> float:
        """Mean distance over ``scale``, a fraction: the reprojection error."""
        return float(self.distance.mean() / self.scale)

    @property
    def units(self) -> dict[int, tuple[float, float]]:
        """Action units (left, right) above 0.05, the strongest first."""
        pairs = {unit: self.head.sides(unit) for unit in self.head.expression}
        return {u: p for u, p in sorted(pairs.items(), key=lambda item: -max(item[1])) if max(p) > 0.05}


def fit_points(landmarks: Landmarks, camera: Camera, model: HeadModel | None = None) -> PointFit:
    """The head whose points lie nearest to these.

    Args:
        landmarks: of one face, in ``dense478``. Points weigh by their visibility and ``sigma``; with sigma 0 (labels,
            truth) all are taken as equally good.
        camera: of the picture; the head's distance and depth follow from it.
        model: the head, loaded when left out.

    Raises:
        InputError: another scheme, points that are not finite, or points no head can be laid on.
    """
    if landmarks.scheme.name != "dense478":
        raise InputError(f"the head is fitted to dense478 points, got {landmarks.scheme.name!r}; place those")
    target = landmarks.points[:, :2].astype(np.float64)
    if not np.isfinite(target).all():
        raise InputError("the head cannot be fitted: some of the points are not finite")
    scale = float(np.linalg.norm(target[OUTER[0]] - target[OUTER[1]]))
    if scale < 1e-6:
        raise InputError("the head cannot be fitted: both outer eye corners are in one place")
    model = model or HeadModel.load()
    spread = np.maximum(landmarks.sigma.astype(np.float64), LEAST_SIGMA * scale)
    weight = np.sqrt(np.clip(landmarks.visibility, 0.05, 1)) / (TOGETHER * spread)
    skin = _Skin(model, camera, target, weight)
    rotation, translation, values = skin.solve()
    bare = skin.parameters(values)
    head = _open_eyes(model, bare, rotation, translation, camera, target, weight)
    points = camera.project(model.points(head) @ rotation.T + translation)
    distance = np.linalg.norm(points - target, axis=1)
    yaw, pitch, roll = rotation_to_angles(line_of_sight(translation).T @ rotation)
    reliability = float(np.clip(1 - 10 * distance.mean() / scale, 0, 1))
    x, y, z = (float(v) for v in translation)
    pose = Pose(
        reliability, "" if reliability >= 0.5 else "the head does not fit the points", yaw, pitch, roll, (x, y, z)
    )
    return PointFit(head, pose, camera, points, distance, scale)


def assumed_camera(landmarks: Landmarks, width: int, height: int) -> Camera:
    """A camera for a photo of unknown origin: the usual field of view, or a longer lens where it would stand too near.

    People are rarely photographed from less than ``NEAREST`` away: a face that fills a picture was cut out of a larger
    one or taken with a long lens. On 20 HELEN training crops the error falls from 1.9 % with 60 degrees to 1.4 %.

    Args:
        landmarks: of one face, ``dense478``.
        width, height: px of the photo.
    """
    template = landmarks.scheme.template
    if landmarks.scheme.name != "dense478" or template is None:
        raise InputError(f"the head is fitted to dense478 points, got {landmarks.scheme.name!r}; place those")
    usual = Camera.for_image(width, height)
    corners = [*CORNERS, 10, 152, 4, 234, 454]
    away = float(solve_pnp(template[corners], landmarks.points[corners, :2], usual).translation[2])
    longer = max(1.0, NEAREST / away)
    return replace(usual, fx=usual.fx * longer, fy=usual.fy * longer)


class _Skin:
    """Pose, identity, action units and jaw as one vector, and what they make of the points that move with the skin.

    The vector: turn and shift from the present pose (6), identity (40), jaw (1), units left (U), units right (U).
    """

    def __init__(self, model: HeadModel, camera: Camera, target: FloatArray, weight: FloatArray) -> None:
        self._model, self.camera = model, camera
        lid = np.unique(model.assembly.margin[:, ::2])
        self.used = np.setdiff1d(np.arange(468), np.setdiff1d(lid, CORNERS))
        self.target, self.weight = target[self.used], weight[self.used]
        still = np.ones(468)
        still[list(CORNERS)] = 0  # they sit on bone: no unit and no jaw moves them
        rows = [ACTION_UNITS.index(unit) for unit in FREE_UNITS]
        fields = model.fields[rows] * still[:, None]
        self.basis = np.concatenate([model.components, fields[:, 0], fields[:, 1]])
        self.jaw = model.jaw * still
        u = len(FREE_UNITS)
        low = np.concatenate([np.full(6, -np.inf), np.full(N_IDENTITY, -LIMIT), np.zeros(1 + 2 * u)])
        high = np.concatenate([np.full(6, np.inf), np.full(N_IDENTITY, LIMIT), [JAW_LIMIT], np.ones(2 * u)])
        self.bounds = low, high
        # rows of the prior: values over their spread, then differences between sides
        eye, none = np.eye(u), np.zeros((u, 7 + N_IDENTITY))
        own = np.concatenate([np.zeros(6), np.ones(N_IDENTITY), [1 / JAW_SPREAD], np.full(2 * u, 1 / UNIT_SPREAD)])
        self.prior = np.concatenate([np.diag(own)[6:], np.hstack([none, eye / SIDE_SPREAD, -eye / SIDE_SPREAD])])

    def solve(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rotation, translation and the vector, by Gauss-Newton steps within the bounds."""
        start = solve_pnp(self._model.mean[self.used], self.target, self.camera, self.weight)
        state = _State(self, start.rotation, start.translation, np.zeros(len(self.prior.T)), self.weight)
        for _ in range(STEPS):
            residual, jacobian = state.residual(), state.jacobian()
            # the same sum of squares in as many rows as unknowns; the priors keep the matrix well conditioned
            upper = cholesky(jacobian.T @ jacobian)
            goal = solve_triangular(upper, jacobian.T @ -residual, trans="T")
            room = (self.bounds[0] - state.values, self.bounds[1] - state.values)
            step = lsq_linear(upper, goal, room, method="bvls").x
            state, before = state.moved(step), state
            if (state.residual() ** 2).sum() > (residual**2).sum():
                state = before.moved(step / 2)
            away = state.distances() / ODD
            state = replace(state, weight=self.weight / np.sqrt(1 + away**2))
        return state.rotation, state.translation, state.values

    def parameters(self, values: FloatArray) -> HeadParameters:
        """The vector as a head."""
        jaw, units = float(values[6 + N_IDENTITY]), values[7 + N_IDENTITY :].reshape(2, -1)
        pairs = {u: (float(a), float(b)) for u, a, b in zip(FREE_UNITS, *units, strict=True) if max(a, b) > 1e-3}
        return HeadParameters(identity=values[6 : 6 + N_IDENTITY], expression=pairs, jaw=jaw)

    def face(self, values: FloatArray) -> FloatArray:
        """(468, 3) mm, before the lips are parted and the jaw opened."""
        weights = np.delete(values[6:], N_IDENTITY)
        return np.asarray(self._model.mean + np.tensordot(weights, self.basis, axes=1))


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Where the search stands; the pose's part of ``values`` is 0, for it is kept in rotation and translation."""

    skin: _Skin
    rotation: FloatArray
    translation: FloatArray
    values: FloatArray
    weight: FloatArray

    def moved(self, step: FloatArray) -> _State:
        """After a step, drawn into the bounds (they are met but for rounding)."""
        rotation = rotation_from_vector(TURN * step[:3]) @ self.rotation
        values = np.clip(self.values + step, *self.skin.bounds)
        values[:6] = 0
        return replace(self, rotation=rotation, translation=self.translation + SHIFT * step[3:6], values=values)

    def distances(self) -> FloatArray:
        """(N,) from the given points, in counted sigmas."""
        away = self.skin.camera.project(self._seen()[1]) - self.skin.target
        return np.asarray(np.linalg.norm(away, axis=1) * self.skin.weight)

    def residual(self) -> FloatArray:
        """(2 N + priors,): weighted distances in x and y, point by point, then the priors."""
        away = (self.skin.camera.project(self._seen()[1]) - self.skin.target) * self.weight[:, None]
        return np.concatenate([away.ravel(), self.skin.prior @ self.values])

    def jacobian(self) -> FloatArray:
        """(2 N + priors, P): derivatives of ``residual``."""
        skin = self.skin
        opened, seen = self._seen()
        degrees = self.values[6 + N_IDENTITY]
        turn = rotation_from_vector(np.radians(degrees) * skin.jaw[:, None] * np.array([1.0, 0, 0]))
        moved = np.einsum("vij,kvj->kvi", turn, skin.basis)
        hinged = np.cross([1.0, 0, 0], opened - expression.JAW_HINGE) * np.radians(skin.jaw)[:, None]
        moved = np.concatenate([moved[:N_IDENTITY], hinged[None], moved[N_IDENTITY:]])
        moved = expression.parted(moved, expression.crossed(opened))[:, skin.used] @ self.rotation.T
        turned = TURN * np.cross(np.eye(3)[:, None], (seen - self.translation)[None])
        shifted = SHIFT * np.broadcast_to(np.eye(3)[:, None], turned.shape)
        way = np.concatenate([turned, shifted, moved])  # (P, N, 3) mm in the camera frame
        focal = np.array([skin.camera.fx, skin.camera.fy])
        depth = seen[:, 2:]
        pixels = focal * (way[..., :2] - way[..., 2:] * seen[:, :2] / depth) / depth * self.weight[:, None]
        return np.concatenate([pixels.reshape(len(way), -1).T, skin.prior])

    def _seen(self) -> tuple[FloatArray, FloatArray]:
        """(468, 3) mm with the jaw open, head frame; (N, 3) mm of the points that count, camera frame."""
        degrees = float(self.values[6 + N_IDENTITY])
        opened = expression.open_jaw(self.skin.face(self.values), self.skin.jaw, degrees)
        return opened, expression.part_lips(opened)[self.skin.used] @ self.rotation.T + self.translation


def _open_eyes(
    model: HeadModel, head: HeadParameters, rotation: FloatArray, translation: FloatArray, camera: Camera,
    target: FloatArray, weight: FloatArray,
) -> HeadParameters:  # fmt: skip
    """The head with the lids and the gaze that suit the points of lid margins and irises best."""
    frames = model.eye_frames(head)
    lid = [model.assembly.margin[side, ::2] for side in (0, 1)]

    def residual(values: FloatArray) -> FloatArray:
        opening, gaze = values[:2], values[2:].reshape(2, 2)
        trial = replace(head, lids=(float(opening[0]), float(opening[1])), gaze=(tuple(gaze[0]), tuple(gaze[1])))
        out = []
        for side, frame in enumerate(frames):
            upper, lower = lids.lid_angles(trial, side, (lids.UPPER_OPEN, lids.LOWER_OPEN))
            margin = frame.place(frame.a, frame.rho, lids.margin_phi(frame, upper, lower))[::2]
            iris = frame.centre + eyes.iris_points() @ eyes.look(trial.gaze[side]).T
            for points, rows in ((margin, lid[side]), (iris, np.arange(478)[IRISES[side]])):
                away = camera.project(points @ rotation.T + translation) - target[rows]
                out.append((away * weight[rows, None]).ravel())
        apart = (gaze[0] - gaze[1]) / APART
        return np.concatenate([*out, apart, gaze.ravel() / CALM, (opening - 35) / 25])

    low = np.array([LID_OPENING[0]] * 2 + [GAZE_YAW[0], GAZE_PITCH[0]] * 2)
    high = np.array([LID_OPENING[1]] * 2 + [GAZE_YAW[1], GAZE_PITCH[1]] * 2)
    start = np.array([35.0, 35.0, 0, 0, 0, 0])
    found = least_squares(residual, start, bounds=(low, high), x_scale=10.0, max_nfev=12).x
    left, right = float(found[0]), float(found[1])
    gaze = tuple((float(yaw), float(pitch)) for yaw, pitch in found[2:].reshape(2, 2))
    return replace(head, lids=(left, right), gaze=(gaze[0], gaze[1]))
