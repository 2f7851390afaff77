"""From surface to light: what colour a point of a lit surface sends to the camera.

Matt light with a red-shifted soft edge, as skin scatters it; a highlight by Blinn and Phong with Schlick's Fresnel
term; light of a lamp only where a shadow map says that it arrives. Sources: Blinn, "Models of Light Reflection",
SIGGRAPH 1977; Schlick, "An Inexpensive BRDF Model", Eurographics 1994; Donnelly and Lauritzen, "Variance Shadow Maps",
I3D 2006; for the wrap, Green, "Real-Time Approximations to Subsurface Scattering", GPU Gems 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray
from nasion.synth.light import Light
from nasion.synth.mesh import Mesh
from nasion.synth.raster import rasterise

WRAP = np.array([0.20, 0.10, 0.06], np.float32)  # how far light creeps round the edge of skin: red farthest
SHADOW_SIZE = 144  # texels across the shadow map: about 2.5 mm each on a head
SHADOW_BLUR = 0.9  # texels
BIAS_MM = 2.5  # how far before the surface the shadow map is read, so that surfaces do not shade themselves
LEAK = 0.25  # share of the variance bound that counts as dark: less light leaks through
SHOULDER = 0.75  # linear brightness from which highlights are compressed


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Points of a surface to shade, N of them.

    Attributes:
        position: (N, 3) float32 mm, camera frame.
        normal: (N, 3) float32, unit.
        albedo: (N, 3) float32, linear RGB.
        gloss: (N,) float32, 0..1.
        open: (N,) float32, 0..1, how much of the surroundings the point sees (1: all of it).
    """

    position: FloatArray
    normal: FloatArray
    albedo: FloatArray
    gloss: FloatArray
    open: FloatArray


def shade(samples: Samples, light: Light, shadow: ShadowMap | None) -> FloatArray:
    """(N, 3) float32 linear RGB sent to the camera."""
    normal, albedo = samples.normal, samples.albedo
    toward = -samples.position
    toward /= np.sqrt(np.einsum("ni,ni->n", toward, toward))[:, None]
    colour = light.irradiance(normal) * samples.open[:, None]
    direction = light.direction.astype(np.float32)
    facing = normal @ direction
    lamp = light.colour.astype(np.float32)
    lit = np.ones_like(facing) if shadow is None else 1 - light.shadow * (1 - shadow.lit(samples.position))
    wrapped = np.clip((facing[:, None] + WRAP) / (1 + WRAP), 0, None)
    colour += wrapped * wrapped / np.maximum(wrapped, np.clip(facing, 0.08, None)[:, None]) * (lit[:, None] * lamp)
    colour *= albedo
    # highlight of the lamp, and of the surroundings at grazing angles
    half = toward + direction
    half /= np.sqrt(np.einsum("ni,ni->n", half, half))[:, None] + 1e-6
    gloss = samples.gloss
    aligned = np.clip(np.einsum("ni,ni->n", normal, half), 0, 1)
    power = 12 + 380 * gloss**3
    peak = gloss * (0.38 + 2.0 * gloss**3) * np.exp(power * np.log(aligned + 1e-9)) * (facing > 0) * lit
    outward = np.clip(1 - np.einsum("ni,ni->n", normal, toward), 0, 1)
    outward *= outward
    rim = 0.30 * gloss * outward * outward * samples.open
    colour += peak[:, None] * lamp + rim[:, None] * (light.ambient[0] * 0.28).astype(np.float32)
    return colour


@dataclass(frozen=True, slots=True, eq=False)
class ShadowMap:
    """The scene as the lamp sees it, as blurred moments of depth.

    Attributes:
        axes: (3, 3) float32, rows: across, down, away from the lamp.
        origin: (3,) float32 mm.
        scale: texels per mm.
        moments: (S, S, 2) float32, mean depth and mean squared depth, mm.
    """

    axes: FloatArray
    origin: FloatArray
    scale: float
    moments: FloatArray

    @classmethod
    def of(cls, meshes: list[Mesh], light: Light) -> ShadowMap:
        """Look at opaque meshes from far away in the direction of the lamp."""
        away = -light.direction
        across = np.cross(away, (0.0, 1.0, 0.0) if abs(away[1]) < 0.9 else (1.0, 0.0, 0.0))
        across /= np.linalg.norm(across)
        axes = np.stack([across, np.cross(away, across), away])
        solid = [mesh for mesh in meshes if mesh.alpha >= 1]
        seen = np.concatenate([mesh.vertices for mesh in solid]) @ axes.T
        low, high = seen.min(0), seen.max(0)
        scale = float((SHADOW_SIZE - 7) / max(high[0] - low[0], high[1] - low[1]))
        origin = (low[0] - 3 / scale, low[1] - 3 / scale, low[2])
        texels = (seen[:, :2] - origin[:2]) * scale
        # rasterise() interpolates 1/z; seen from far away that is as good as linear
        far = 1e5 + seen[:, 2] - origin[2]
        start = np.cumsum([0, *(len(mesh.vertices) for mesh in solid)])
        triangles = np.concatenate([mesh.triangles + at for mesh, at in zip(solid, start, strict=False)])
        inverse = rasterise(texels, far, triangles, (SHADOW_SIZE, SHADOW_SIZE), both_sides=True).inverse_depth
        empty = inverse == 0
        # float32 holds 1/1e5 to 6e-13, which is 0.006 mm
        depth = np.where(empty, 1e3, 1 / np.where(empty, 1, inverse.astype(np.float64)) - 1e5).astype(np.float32)
        moments = cv2.GaussianBlur(np.dstack([depth, depth * depth]), (0, 0), SHADOW_BLUR)
        return cls(axes.astype(np.float32), np.array(origin, np.float32), scale, np.asarray(moments, np.float32))

    def lit(self, position: FloatArray) -> FloatArray:
        """(N,) float32, the share 0..1 of the lamp's light that reaches (N, 3) points."""
        seen = position @ self.axes.T - self.origin
        where = (seen[:, :2] * np.float32(self.scale)).astype(np.float32)
        found = look_up(self.moments, where)
        mean, square = found[:, 0], found[:, 1]
        beyond = np.maximum(seen[:, 2] - BIAS_MM - mean, 0)
        variance = np.maximum(square - mean * mean, 4.0)
        bound = variance / (variance + beyond * beyond)
        return np.asarray(np.clip((bound - LEAK) / (1 - LEAK), 0, 1))


def look_up(image: FloatArray, places: FloatArray) -> FloatArray:
    """(N, C) values of a float32 image at (N, 2) float32 places (x, y), bilinear; outside, those of the border."""
    count, width = len(places), 1024
    rows = -(-count // width)  # OpenCV takes at most 32766 rows or columns, so the places go as a rectangle
    room = np.zeros((2, rows * width), np.float32)
    room[:, :count] = places.T
    x, y = room.reshape(2, rows, width)
    found = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(rows * width, -1)[:count])


def openness(depth: FloatArray, spread_px: float) -> FloatArray:
    """(H, W) float32, 0..1: how open to the surroundings what each pixel sees is, judged by the depth around it.

    Places deeper than their neighbourhood are dark: eye sockets, corners of the mouth, the neck under the chin (Luft,
    Colditz and Deussen, "Image Enhancement by Unsharp Masking the Depth Buffer", SIGGRAPH 2006).

    Args:
        depth: (H, W) mm, infinite where nothing is.
        spread_px: size of the neighbourhood.
    """
    height, width = depth.shape
    step = max(1, int(spread_px / 2))
    small = (max(2, width // step), max(2, height // step))
    some = np.isfinite(depth)
    weight = some.astype(np.float32)
    both = cv2.resize(
        np.dstack([np.where(some, depth, 0).astype(np.float32), weight]), small, interpolation=cv2.INTER_AREA
    )
    both = cv2.resize(cv2.GaussianBlur(both, (0, 0), spread_px / step), (width, height), interpolation=cv2.INTER_LINEAR)
    around = both[..., 0] / np.maximum(both[..., 1], 1e-3)
    deeper = np.where(some, depth - around, 0)
    return np.asarray(np.clip(1 - np.clip(deeper / 28.0, -0.1, 0.75), 0, 1.06), np.float32)


_LEVELS = 4096
_LINEAR = np.arange(_LEVELS) / (_LEVELS - 1)
_TABLE = np.round(
    255 * np.where(_LINEAR <= 0.0031308, 12.92 * _LINEAR, 1.055 * np.maximum(_LINEAR, 1e-9) ** (1 / 2.4) - 0.055)
).astype(np.uint8)


def develop(linear: FloatArray, exposure: float) -> ImageArray:
    """Linear light to sRGB uint8; what is brighter than white rolls off instead of being cut."""
    bright = linear * np.float32(exposure)
    over = np.maximum(bright - np.float32(SHOULDER), 0)
    room = np.float32(1 - SHOULDER)
    bright = np.minimum(bright, np.float32(SHOULDER)) + room * over / (over + room)
    return np.asarray(_TABLE[np.clip(bright * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.int32)])


def linear_rgb(srgb: ImageArray | FloatArray | tuple[int, int, int]) -> FloatArray:
    """Linear RGB 0..1, float32, of sRGB 0..255."""
    value = np.asarray(srgb, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
