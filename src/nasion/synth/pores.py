"""Skin close up: pores and fine lines on top of the head's paint, points on the surface, and where they go.

For tracking at pore scale: what ``nasion synth`` renders stays as it is. Pores are drawn on the atlas, so they move
with the skin exactly; a point of the surface is a triangle and its barycentric weights, so its path is exact, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from nasion.core import BoolArray, Camera, FloatArray, ImageArray, InputError, IntArray
from nasion.synth.assembly import DISC_SCALE
from nasion.synth.background import background
from nasion.synth.mesh import Mesh
from nasion.synth.model import HeadModel
from nasion.synth.parameters import HeadParameters
from nasion.synth.raster import barycentric
from nasion.synth.render import Render, render
from nasion.synth.sampling import posed
from nasion.synth.scene import Scene, head_mesh
from nasion.synth.shading import develop
from nasion.synth.surface import Paint, Region
from nasion.synth.visibility import hidden

FINE = 2048  # texels to a side of the atlas: 0.18 mm each
LAYERS = (  # pores to a mm², radius mm, depth: of the logarithm of the albedo at the middle
    (0.55, 0.11, 0.55),
    (0.10, 0.22, 0.45),
)
LINES_MM, LINES = 0.35, 0.06  # width and strength of the fine lines between
ON = (Region.SKIN, Region.NOSE)


def with_pores(paint: Paint, seed: int, strength: float = 1.0) -> Paint:
    """The paint with pores and fine lines on the bare skin.

    Args:
        paint: on an atlas fine enough, see ``FINE``.
        seed: which pores.
        strength: 1 for a face close up under side light; 0 changes nothing.

    Raises:
        InputError: the atlas has fewer than 1024 texels to a side, so that no pore could be seen.
    """
    side = paint.albedo.shape[0]
    if side < 1024:
        raise InputError(f"pores need an atlas of 1024 texels or more to a side, got {side}")
    rng, mm = np.random.default_rng((seed, 23)), DISC_SCALE * (side - 1)
    log = np.zeros((side, side), np.float32)
    for density, radius, depth in LAYERS:
        dots = np.zeros((side, side), np.float32)
        count = rng.poisson(density * (side / mm) ** 2)
        dots[rng.integers(side, size=count), rng.integers(side, size=count)] = rng.gamma(4, 0.25, count)
        spread = max(0.5, radius * mm)
        log -= depth * 2 * np.pi * spread**2 * cv2.GaussianBlur(dots, (0, 0), spread)
    grain = rng.standard_normal((side, side)).astype(np.float32)
    fine = cv2.GaussianBlur(grain, (0, 0), LINES_MM * mm / 2)
    fine = fine - cv2.GaussianBlur(fine, (0, 0), LINES_MM * mm)
    log += LINES * fine / fine.std()
    mask = cv2.GaussianBlur(np.isin(paint.regions, ON).astype(np.float32), (0, 0), 0.5 * mm)
    factor = np.exp(strength * mask * log)[..., None]
    gloss = np.clip(paint.gloss * (1 + 0.3 * strength * mask * log), 0, 1)
    return replace(paint, albedo=np.clip(paint.albedo * factor, 0.002, 0.95).astype(np.float32), gloss=gloss)


def fine_paint(head: HeadParameters, model: HeadModel, strength: float = 1.0, size: int = FINE) -> Paint:
    """A head's paint with pores, of its own seed, on ``size`` texels; paint it once for a clip."""
    return with_pores(model.paint(head, size), head.seed, strength)


def close_up(
    scene: Scene, model: HeadModel, paint: Paint, rng: np.random.Generator | None = None
) -> tuple[ImageArray, Mesh, Render]:
    """A picture of a scene's head with another paint, without occluders.

    Args:
        scene: its exposure, blur and noise are used; ``noise`` at mid grey.
        model: the head.
        paint: of ``fine_paint``.
        rng: of the noise; None leaves it out.

    Returns:
        The picture (H, W, 3) uint8, the head's mesh in the camera frame, and what each pixel sees.
    """
    mesh = replace(head_mesh(scene, model), paint=paint)
    drawn = render([mesh], scene.camera, scene.size, scene.light, background(scene.background, scene.size, scene.seed))
    linear = drawn.linear
    if scene.look.blur > 0:
        linear = np.asarray(cv2.GaussianBlur(linear, (0, 0), scene.look.blur), np.float32)
    image = develop(linear, scene.look.exposure)
    if rng is not None and scene.look.noise > 0:
        image = np.clip(np.rint(image + rng.normal(0, scene.look.noise, image.shape)), 0, 255).astype(np.uint8)
    return image, mesh, drawn


@dataclass(frozen=True, slots=True, eq=False)
class SurfacePoints:
    """N points that stick to the head's surface.

    Attributes:
        triangle: (N,) rows of the mesh's triangles.
        weights: (N, 3) of their corners, which sum to 1.
    """

    triangle: IntArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.triangle)

    @classmethod
    def under(
        cls, pixels: FloatArray, seen: IntArray, vertices: FloatArray, triangles: IntArray, camera: Camera
    ) -> tuple[SurfacePoints, BoolArray]:
        """The points that pixels of a rendered picture see.

        Args:
            pixels: (M, 2) px, not only whole ones.
            seen: (H, W) the triangle that each pixel sees, -1 for none, as in ``Render.triangle``.
            vertices: (V, 3) mm of the head in the camera frame.
            triangles: (T, 3).
            camera: of the picture.

        Returns:
            The points, and (M,) bool: which pixels see the head; the points are those of these, in order.
        """
        height, width = seen.shape
        column, row = (np.rint(pixels[:, k]).astype(int) for k in (0, 1))
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        triangle = np.full(len(pixels), -1)
        triangle[inside] = seen[row[inside], column[inside]]
        on = triangle >= 0
        at, depth = camera.project(vertices.astype(np.float64)), vertices[:, 2].astype(np.float64)
        weights, _ = barycentric(at, depth, triangles[triangle[on]], pixels[on, 0], pixels[on, 1])
        return cls(triangle[on], weights.astype(np.float64)), on

    def select(self, chosen: BoolArray | IntArray) -> SurfacePoints:
        """Some of them."""
        return SurfacePoints(self.triangle[chosen], self.weights[chosen])

    def on(self, vertices: FloatArray, triangles: IntArray) -> FloatArray:
        """(N, 3) where they are on a mesh of the same head, in its frame and unit."""
        corners = vertices[triangles[self.triangle]].astype(np.float64)
        return np.asarray(np.einsum("nk,nki->ni", self.weights, corners))

    def visible(
        self,
        vertices: FloatArray,
        triangles: IntArray,
        camera: Camera,
        size: tuple[int, int],
        margin_px: float = 0.0,
    ) -> BoolArray:
        """(N,) whether a camera sees them: before it, inside the picture, facing it, and behind nothing.

        Args:
            vertices: (V, 3) mm of the head in the camera frame.
            triangles: (T, 3).
            camera, size: whose picture.
            margin_px: how far inside the picture's edge.
        """
        points = self.on(vertices, triangles)
        at = camera.project(points)
        inside = (at >= margin_px).all(1) & (at <= np.array(size) - 1 - margin_px).all(1)
        a, b, c = (vertices[triangles[self.triangle, k]].astype(np.float64) for k in range(3))
        facing = np.einsum("ni,ni->n", np.cross(b - a, c - a), points) < 0
        free = np.zeros(len(points), bool)
        free[facing] = ~hidden(points[facing], vertices, triangles, camera)
        return np.asarray(inside & free)


@dataclass(frozen=True, slots=True, eq=False)
class RigCamera:
    """A camera of a rig: a world point X stands at ``rotation @ X + translation`` in its frame, mm."""

    camera: Camera
    rotation: FloatArray
    translation: FloatArray
    size: tuple[int, int]

    def see(self, scene: Scene) -> Scene:
        """The scene, whose pose is in the world frame, as this camera sees it."""
        turn = self.rotation @ scene.pose.camera_rotation
        x, y, z = self.rotation @ np.array(scene.pose.translation) + self.translation
        pose = posed(turn, (float(x), float(y), float(z)))
        return replace(scene, pose=pose, camera=self.camera, size=self.size)


def close_rig(
    target: FloatArray,
    size: tuple[int, int],
    mm_per_px: float,
    angles: Sequence[tuple[float, float]],
    away: float = 600.0,
) -> list[RigCamera]:
    """Cameras on a sphere around a point, all looking at it.

    Args:
        target: (3,) mm in the world frame, which is that of a camera straight ahead.
        size: (width, height) px of each picture.
        mm_per_px: at the target.
        angles: (azimuth, elevation) degrees of each camera; (0, 0) looks along the world's z axis.
        away: mm from the target to each camera.
    """
    focal = away / mm_per_px
    camera = Camera(focal, focal, (size[0] - 1) / 2, (size[1] - 1) / 2)
    out = []
    for azimuth, elevation in np.radians(np.asarray(angles, np.float64)):
        around = np.array([[np.cos(azimuth), 0, np.sin(azimuth)], [0, 1, 0], [-np.sin(azimuth), 0, np.cos(azimuth)]])
        over = np.array(
            [[1, 0, 0], [0, np.cos(elevation), -np.sin(elevation)], [0, np.sin(elevation), np.cos(elevation)]]
        )
        rotation = over @ around
        out.append(RigCamera(camera, rotation, np.array([0, 0, away]) - rotation @ target, size))
    return out
