"""The renderer: meshes, camera and light to a picture, with everything that each pixel sees.

Surfaces are found on a grid twice as fine as the picture. Where its four samples see one smooth piece the pixel is
shaded once, in its middle; at outlines and in the eyes all four are shaded and averaged. That costs a third of full
supersampling and looks the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np

from nasion.core import BoolArray, Camera, FloatArray, InputError, IntArray
from nasion.synth.light import Light
from nasion.synth.mesh import Mesh
from nasion.synth.raster import NEAREST_MM, Raster, barycentric, rasterise
from nasion.synth.shading import Samples, ShadowMap, look_up, openness, shade
from nasion.synth.surface import Part

MIN_SIZE, MAX_SIZE = 16, 4096  # px: below, no face can be seen; above, memory
STEP_MM = 6.0  # a jump in depth between neighbouring samples that makes an outline
HOLLOW = 0.055  # neighbourhood for shading hollows, as a share of the picture's shorter side
RECESSED = (Part.LEFT_EYE, Part.RIGHT_EYE, Part.TEETH, Part.TONGUE)  # lids and lips keep light from their edges
RECESS_MM, RECESS = 2.2, 0.85  # how far from the edge that reaches, and how much light is gone right at it
FINE_PARTS = (Part.LEFT_EYE, Part.RIGHT_EYE, Part.TEETH)  # small patterns: always four samples

_Number = TypeVar("_Number", FloatArray, IntArray)


@dataclass(frozen=True, slots=True, eq=False)
class Render:
    """A picture and what its pixels see, in linear light and mm.

    Attributes:
        linear: (H, W, 3) float32, linear RGB, before exposure.
        backdrop: (H, W, 3) float32, what stands behind.
        coverage: (H, W) float32, share of the pixel that is not background, 0..1.
        depth: (H, W) float32 mm along z at pixel centres, infinite where nothing is.
        normals: (H, W, 3) float32, camera frame; zeros where nothing is.
        albedo: (H, W, 3) float32, linear RGB; zeros where nothing is.
        region: (H, W) uint8, ``Region`` of the head; 0 elsewhere, also behind occluders.
        mesh: (H, W) int8, row of the meshes; -1 where nothing is.
        triangle: (H, W) int32, row of that mesh's triangles; -1 where nothing is.
        barycentric: (H, W, 3) float32, weights of that triangle's corners.
    """

    linear: FloatArray
    backdrop: FloatArray
    coverage: FloatArray
    depth: FloatArray
    normals: FloatArray
    albedo: FloatArray
    region: IntArray
    mesh: IntArray
    triangle: IntArray
    barycentric: FloatArray


def check_size(width: int, height: int) -> None:
    """Refuse pictures no face can be seen in, or no memory can hold."""
    for side in (width, height):
        if not MIN_SIZE <= side <= MAX_SIZE:
            raise InputError(f"a picture must be {MIN_SIZE} to {MAX_SIZE} px on each side, got {width} x {height}")


def render(meshes: list[Mesh], camera: Camera, size: tuple[int, int], light: Light, backdrop: FloatArray) -> Render:
    """Draw meshes before a backdrop.

    Args:
        meshes: in the camera frame; the first casts and takes shadows like the others.
        camera: intrinsics for this size.
        size: (width, height) px.
        light: what lights them.
        backdrop: (H, W, 3) float32 linear RGB.

    Raises:
        InputError: the size is out of range, or a mesh reaches the lens.
    """
    width, height = size
    check_size(width, height)
    if min(float(mesh.vertices[:, 2].min()) for mesh in meshes) < NEAREST_MM:
        raise InputError(
            f"something reaches the lens (nearer than {NEAREST_MM:g} mm): move the head away from the camera"
        )
    solid = _Stack([mesh for mesh in meshes if mesh.alpha >= 1], camera)
    centre = solid.raster(size, 1)
    fine = solid.raster(size, 2)
    depth = np.where(centre.triangle >= 0, 1 / np.where(centre.triangle >= 0, centre.inverse_depth, 1), np.inf)
    shadow = ShadowMap.of(meshes, light) if light.shadow > 0 and light.colour.any() else None
    lighting = _Lighting(light, shadow, openness(depth, max(1.5, HOLLOW * min(size))), solid.recess(centre))
    edge = solid.outline(fine)
    result = Render(
        np.array(backdrop, np.float32), backdrop, (centre.triangle >= 0).astype(np.float32), depth.astype(np.float32),
        np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32),
        np.zeros((height, width), np.uint8), np.full((height, width), -1, np.int8),
        np.full((height, width), -1, np.int32), np.zeros((height, width, 3), np.float32),
    )  # fmt: skip
    _shade_centres(solid, centre, lighting, result)
    _shade_edges(solid, fine, lighting, edge, result)
    for mesh in meshes:
        if mesh.alpha < 1:
            _glaze(mesh, camera, light, depth, result)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Lighting:
    """The light, where the lamp's shadows fall, and two shares of it for each pixel: from around, and of all light."""

    light: Light
    shadow: ShadowMap | None
    open: FloatArray
    reached: FloatArray


class _Stack:
    """Opaque meshes as one list of triangles."""

    def __init__(self, meshes: list[Mesh], camera: Camera) -> None:
        self.meshes = meshes
        self.first_vertex = np.cumsum([0, *(len(m.vertices) for m in meshes)])
        self.first_triangle = np.cumsum([0, *(len(m.triangles) for m in meshes)])
        self.vertices = np.concatenate([np.asarray(m.vertices, np.float64) for m in meshes])
        self.pixels = camera.project(self.vertices)
        pieces = [m.triangles + at for m, at in zip(meshes, self.first_vertex, strict=False)]
        self.triangles = np.concatenate(pieces).astype(np.int32)
        self.part = np.concatenate([m.part.astype(np.int32) + 256 * k for k, m in enumerate(meshes)])
        self.camera = camera
        self.thin = [k for k, m in enumerate(meshes) if m.both_sides]

    def raster(self, size: tuple[int, int], fold: int) -> Raster:
        """The stack on a grid ``fold`` times finer than the picture."""
        pixels = (self.pixels + 0.5) * fold - 0.5 if fold > 1 else self.pixels
        size = size[0] * fold, size[1] * fold
        if not self.thin:
            return rasterise(pixels, self.vertices[:, 2], self.triangles, size)
        closed = np.ones(len(self.triangles), bool)
        for k in self.thin:
            closed[self.first_triangle[k] : self.first_triangle[k + 1]] = False
        first, second = np.flatnonzero(closed), np.flatnonzero(~closed)
        a = rasterise(pixels, self.vertices[:, 2], self.triangles[first], size)
        b = rasterise(pixels, self.vertices[:, 2], self.triangles[second], size, both_sides=True)
        nearer = b.inverse_depth > a.inverse_depth
        ids = np.where(nearer, np.append(second, -1)[b.triangle], np.append(first, -1)[a.triangle])
        return Raster(ids.astype(np.int32), np.where(nearer, b.inverse_depth, a.inverse_depth))

    def outline(self, fine: Raster) -> BoolArray:
        """(H, W): pixels whose four samples differ in piece, or jump in depth, or show small patterns."""
        part = np.append(self.part, -1)[fine.triangle].astype(np.int16)  # -1 picks the last: nothing there
        near = fine.inverse_depth
        low, high = _of_four(part, np.minimum), _of_four(part, np.maximum)
        nearest, farthest = _of_four(near, np.maximum), _of_four(near, np.minimum)
        edge = (low != high) | (nearest - farthest > STEP_MM * nearest * nearest)
        for fine_part in FINE_PARTS:
            edge |= high == fine_part
        return np.asarray(edge)

    def recess(self, centre: Raster) -> FloatArray:
        """(H, W) float32, share of all light that reaches each pixel past the lids and lips around it."""
        part = np.append(self.part, -1)[centre.triangle]
        inside = np.isin(part, RECESSED)
        if not inside.any():
            return np.ones(part.shape, np.float32)
        reach = RECESS_MM * self.camera.fx * float(np.median(centre.inverse_depth[inside]))
        edge = cv2.GaussianBlur((~inside).astype(np.float32), (0, 0), max(reach, 0.5))
        return np.where(inside, 1 - RECESS * edge, 1).astype(np.float32)

    def look(self, ids: IntArray, x: FloatArray, y: FloatArray) -> _Hits:
        """What pixels at (x, y) that see triangles ``ids`` find there."""
        corners = self.triangles[ids]
        weights, depth = barycentric(self.pixels, self.vertices[:, 2], corners, x, y)
        mesh = np.searchsorted(self.first_triangle, ids, side="right") - 1
        count = len(ids)
        normal, albedo = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
        gloss, region = np.empty(count, np.float32), np.zeros(count, np.uint8)
        for k, body in enumerate(self.meshes):
            here = slice(None) if len(self.meshes) == 1 else np.flatnonzero(mesh == k)
            own, share = corners[here] - self.first_vertex[k], weights[here]
            if not len(own):
                continue
            normal[here] = _mix(body.normals, own, share)
            uv = _mix(body.uv, own, share)
            paint, fold = self.paints[k]
            texels = ((uv * (body.paint.albedo.shape[0] - 1) + 0.5) / fold - 0.5).astype(np.float32)
            found = look_up(paint, texels)
            albedo[here], gloss[here] = found[:, :3], found[:, 3]
            if k == 0:
                texel = np.clip(np.rint(uv * (body.paint.regions.shape[0] - 1)), 0, body.paint.regions.shape[0] - 1)
                region[here] = body.paint.regions[texel[:, 1].astype(np.int32), texel[:, 0].astype(np.int32)]
        normal /= np.sqrt(np.einsum("ni,ni->n", normal, normal))[:, None] + np.float32(1e-9)
        rays = np.stack([(x - self.camera.cx) / self.camera.fx, (y - self.camera.cy) / self.camera.fy], 1)
        position = np.empty((count, 3), np.float32)
        position[:, :2], position[:, 2] = rays * depth[:, None], depth
        if self.thin:  # the back of a sheet is lit from its own side
            back = np.isin(mesh, self.thin) & (np.einsum("ni,ni->n", normal, position) > 0)
            normal[back] *= -1
        return _Hits(position, normal, albedo, gloss, region, mesh, weights)

    @cached_property
    def paints(self) -> list[tuple[FloatArray, int]]:
        """Albedo and gloss of each mesh at about one texel per pixel, and how many texels became one."""
        return [self._shrunk(k) for k in range(len(self.meshes))]

    def _shrunk(self, k: int) -> tuple[FloatArray, int]:
        body = self.meshes[k]
        size = body.paint.albedo.shape[0]
        pixels = self.pixels[self.first_vertex[k] : self.first_vertex[k + 1]]
        on_picture = _areas(pixels, body.triangles)
        on_atlas = _areas(body.uv.astype(np.float64) * size, body.triangles)
        seen = on_picture < 0
        spread = np.abs(on_atlas[seen]).sum() / max(-on_picture[seen].sum(), 1e-9) if seen.any() else 1.0
        fold = 1
        while spread > 4 and size // (2 * fold) >= 64:
            spread, fold = spread / 4, fold * 2
        paint = np.dstack([body.paint.albedo, body.paint.gloss]).astype(np.float32)
        if fold > 1:
            paint = np.asarray(cv2.resize(paint, (size // fold, size // fold), interpolation=cv2.INTER_AREA))
        return paint, fold


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """What N lines of sight find: see ``Samples`` and ``Render``."""

    position: FloatArray
    normal: FloatArray
    albedo: FloatArray
    gloss: FloatArray
    region: IntArray
    mesh: IntArray
    weights: FloatArray

    def shade(self, lighting: _Lighting, place: IntArray) -> FloatArray:
        """(N, 3) linear RGB; ``place`` are the flat pixels the hits fall on."""
        hollow, reached = lighting.open.ravel()[place], lighting.reached.ravel()[place]
        samples = Samples(self.position, self.normal, self.albedo, self.gloss, hollow)
        return np.asarray(shade(samples, lighting.light, lighting.shadow) * reached[:, None])


def _of_four(fine: _Number, choose: Callable[[_Number, _Number], _Number]) -> _Number:
    """Reduce (2 H, 2 W) to (H, W)."""
    return choose(choose(fine[::2, ::2], fine[::2, 1::2]), choose(fine[1::2, ::2], fine[1::2, 1::2]))


def _areas(pixels: FloatArray, triangles: IntArray) -> FloatArray:
    """(T,) twice the signed areas."""
    x, y = pixels[:, 0][triangles], pixels[:, 1][triangles]
    return np.asarray((x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0]))


def _mix(values: FloatArray, corners: IntArray, weights: FloatArray) -> FloatArray:
    """(N, C) float32: values at three corners each, weighted."""
    return np.asarray(
        values[corners[:, 0]] * weights[:, :1]
        + values[corners[:, 1]] * weights[:, 1:2]
        + values[corners[:, 2]] * weights[:, 2:]
    )


def _shade_centres(stack: _Stack, centre: Raster, lighting: _Lighting, out: Render) -> None:
    """Fill the maps at all pixel centres, and the picture where one sample is enough."""
    width = centre.triangle.shape[1]
    place = np.flatnonzero(centre.triangle.ravel() >= 0)
    if not len(place):
        return
    ids = centre.triangle.ravel()[place]
    hits = stack.look(ids, (place % width).astype(np.float64), (place // width).astype(np.float64))
    out.normals.reshape(-1, 3)[place] = hits.normal
    out.albedo.reshape(-1, 3)[place] = hits.albedo
    out.region.reshape(-1)[place] = hits.region
    out.mesh.reshape(-1)[place] = hits.mesh
    out.triangle.reshape(-1)[place] = ids - stack.first_triangle[hits.mesh]
    out.barycentric.reshape(-1, 3)[place] = hits.weights
    out.linear.reshape(-1, 3)[place] = hits.shade(lighting, place)


def _shade_edges(stack: _Stack, fine: Raster, lighting: _Lighting, edge: BoolArray, out: Render) -> None:
    """Replace edge pixels of the picture by the mean of four samples each."""
    width = edge.shape[1]
    rows, columns = np.nonzero(edge)
    if not len(rows):
        return
    down, right = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    y, x = 2 * rows[:, None] + down, 2 * columns[:, None] + right
    ids = fine.triangle[y, x]
    hit = ids >= 0
    colour = np.repeat(out.backdrop[rows, columns][:, None], 4, axis=1)
    if hit.any():
        hits = stack.look(ids[hit], (x[hit] - 0.5) / 2, (y[hit] - 0.5) / 2)
        colour[hit] = hits.shade(lighting, np.broadcast_to((rows * width + columns)[:, None], hit.shape)[hit])
    out.linear[rows, columns] = colour.mean(1)
    out.coverage[rows, columns] = hit.mean(1)


def _glaze(mesh: Mesh, camera: Camera, light: Light, depth: FloatArray, out: Render) -> None:
    """Lay a clear sheet over what is behind it."""
    stack = _Stack([mesh], camera)
    height, width = depth.shape
    seen = stack.raster((width, height), 1)
    with np.errstate(divide="ignore"):
        place = np.flatnonzero((seen.triangle >= 0) & (1 / seen.inverse_depth < depth))
    if not len(place):
        return
    hits = stack.look(
        seen.triangle.ravel()[place], (place % width).astype(np.float64), (place // width).astype(np.float64)
    )
    everywhere = np.ones((height, width), np.float32)
    colour = hits.shade(_Lighting(light, None, everywhere, everywhere), place)
    behind = out.linear.reshape(-1, 3)[place]
    out.linear.reshape(-1, 3)[place] = behind * (1 - mesh.alpha) + colour * mesh.alpha
