"""Fit colours to the pixels under a fitted head: light, skin pattern, tone, and the colours of irises and hair.

Geometry is given (``fit``). Light is nine spherical harmonics a channel, skin the model's components; each is solved
for while the other stands still, by least squares with robust weights, so that fringes, glasses and highlights count
little. One photo cannot tell light skin in dim light from dark skin in bright light: the tone follows from what
cameras usually expose for and from light being nearly white, and is a guess (Feng et al., "Towards Racially Unbiased
Skin Tone Estimation via Scene Disambiguation", ECCV 2022).

Source of the alternation: Aldrian and Smith, "Inverse Rendering of Faces with a 3D Morphable Model", TPAMI 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np

from nasion.core import BoolArray, Camera, FloatArray, ImageArray, InputError, IntArray
from nasion.synth.fit import PointFit
from nasion.synth.light import Light, harmonics, surround
from nasion.synth.model import HeadModel
from nasion.synth.paint import LUMINANCE, tone_colour
from nasion.synth.parameters import HAIR_COLOURS, IRIS_COLOURS, N_ALBEDO, HeadParameters
from nasion.synth.render import HOLLOW, Render, render
from nasion.synth.scene import Look, Scene, head_mesh
from nasion.synth.shading import SHOULDER, develop, linear_rgb, openness
from nasion.synth.surface import Region

VIEW: Final = 224  # px of the square the face is looked at in
ROOM: Final = 1.5  # its side over the longer side of the points' box
FEWEST: Final = 400  # px of skin in that square below which nothing is fitted
FACING: Final = 0.15  # cosine to the line of sight: skin seen flatter than this is left out
DARK: Final = 0.006  # linear: what is nearly black says nothing
BRIGHTEST: Final = 0.6  # share of the shoulder that is undone: beyond, a photo's own curve is anybody's guess
FILL: Final = 0.5  # brightness of directions from which nothing is seen, over the face's own
FILL_WEIGHT: Final = 0.04  # of all those together, over the pixels'
ODD: Final = (0.8, 0.5, 0.35, 0.25, 0.18, 0.15, 0.15)  # log units off at which a pixel counts half, round by round
NOISE: Final = 2.0  # log units: of a pixel's misfit as the skin's prior sees it; neighbours go together, so it is large
GLOW: Final = 0.4  # log units: spread of the light's brightness after exposure
TINT: Final = 0.2  # and of its red and blue over green
MIDDLE: Final = 5.0  # tone that the light is fitted with at first
USUAL_TONE: Final = (5.0, 2.5)  # middle and spread of tones before the photo is seen
GREY: Final = 2.0  # 8-bit levels between red and blue on average: a photo with less is black and white
USUAL_COVER: Final = 0.5  # share of a brow's skin that its hairs hide
BROW_SHADE: Final = 0.7  # brows are this much darker than hair, as in ``marks.brows``
RARE: Final = {"red": 3.0, "auburn": 2.0, "grey": 5.0, "white": 8.0}  # cost of colours that few brows have
LEAST_IRIS: Final = 12  # px


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """A head laid on a face, with colours.

    Attributes:
        geometry: what the points gave.
        head: all parameters. Hair style, wrinkles, stubble and make-up are not fitted.
        light: of the photo after exposure, spherical harmonics only.
        grey: whether the photo is black and white.
        skin_error: mean difference between rendered and real skin, 8-bit levels, pixels weighted by how far they are
            taken for bare skin; NaN where nothing could be compared.
        skin_pixels: how many were compared, in a view of the face of ``VIEW`` px.
        reason: why the colours are only the defaults; empty when they were fitted.
    """

    geometry: PointFit
    head: HeadParameters
    light: Light
    grey: bool
    skin_error: float
    skin_pixels: int
    reason: str = ""

    def scene(self, camera: Camera, size: tuple[int, int]) -> Scene:
        """The head as the photo shows it, for a camera at the same place (``frame`` gives those of crops)."""
        look = Look(grey=self.grey)
        return Scene(self.head, self.geometry.pose, camera, size, self.light, background="plain", look=look)


def frame(fit: PointFit, side: int, room: float = ROOM) -> tuple[FloatArray, Camera]:
    """A square view of the face.

    Args:
        fit: whose points it is about.
        side: px.
        room: the square's side over the longer side of the box around the points.

    Returns:
        (2, 3) affine from the photo to the view, px; the camera that sees the view.
    """
    low, high = fit.points.min(0), fit.points.max(0)
    scale = side / (room * float((high - low).max()))
    shift = (side - 1) / 2 - scale * (low + high) / 2
    c = fit.camera
    camera = Camera(c.fx * scale, c.fy * scale, c.cx * scale + shift[0], c.cy * scale + shift[1])
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), camera


def look(image: ImageArray, matrix: FloatArray, side: int) -> tuple[ImageArray, FloatArray]:
    """(S, S, 3) uint8 view of a photo, and (S, S) float32, 1 where the photo has pixels."""
    shrink = 1 / max(1.0, 1 / float(matrix[0, 0]))  # averaged first where many pixels become one
    if shrink < 1:
        small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        ratio = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]])
        inner = matrix[:, :2] / ratio
        # resize() keeps edges in place, so pixel centres move by half a pixel's difference
        matrix = np.column_stack([inner, matrix[:, 2] + inner @ ((1 - ratio) / 2)])
        image = np.asarray(small, np.uint8)
    size = (side, side)
    seen = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    there = cv2.warpAffine(np.ones(image.shape[:2], np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(seen, np.uint8), np.asarray(there, np.float32)


def fit_pixels(image: ImageArray, fit: PointFit, visibility: FloatArray, model: HeadModel | None = None) -> HeadFit:
    """Colours and light of a face whose geometry is known.

    Args:
        image: RGB uint8 (H, W, 3), the photo that ``fit`` belongs to.
        fit: the geometry.
        visibility: (478,) 0..1, of the points: pixels between hidden points count little.
        model: the head, loaded when left out.

    Raises:
        InputError: ``image`` is no RGB picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"the photo must be RGB uint8 (H, W, 3), got {image.dtype} of shape {image.shape}")
    model = model or HeadModel.load()
    matrix, camera = frame(fit, VIEW)
    photo, there = look(image, matrix, VIEW)
    face = _Face.seen(fit, photo, there, np.asarray(visibility, np.float64), camera, model)
    if face is None:
        reason = "hardly any skin can be seen in even light: tone, skin and light are the defaults"
        return HeadFit(fit, fit.head, _even(0.8), False, float("nan"), 0, reason)
    code, light, trust = face.solve()
    grey = bool(np.abs(photo[..., 0].astype(int) - photo[..., 2]).mean() < GREY)
    tone, ambient = _split(light, grey)
    head = replace(fit.head, tone=tone, albedo=code, detail=0.5, wrinkles=0.0)
    fitted = Light(ambient, np.array([0.0, 0.0, -1.0]), np.zeros(3), 0.0, "fitted")
    head = _small_colours(head, face, photo, fitted)
    made = np.exp(face.pattern(code)) * tone_colour(tone) * _lit(face, ambient)
    away = np.abs(_srgb(made) - _srgb(face.colour))
    error = float((away * trust[:, None]).sum() / (3 * trust.sum()))
    return HeadFit(fit, head, fitted, grey, error, len(face.place))


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """The N pixels of skin that are compared.

    Attributes:
        drawn: the head as rendered there, for its regions and normals.
        place: (N,) flat pixels of the view.
        colour: (N, 3) linear RGB of the photo, the shoulder of bright tones undone.
        open: (H, W) how open to the surroundings each pixel of the view is.
        shape: (N, 9) harmonics of the normals, times how open the place is.
        basis: (25, N, 3) log reflectance: the mean skin, then the components.
        weight: (N,) 0..1, how much can be seen.
        nose: (N,) which of them lie on the nose.
    """

    drawn: Render
    open: FloatArray
    place: IntArray
    colour: FloatArray
    shape: FloatArray
    basis: FloatArray
    weight: FloatArray
    nose: BoolArray

    @classmethod
    def seen(
        cls, fit: PointFit, photo: ImageArray, there: FloatArray, visibility: FloatArray, camera: Camera,
        model: HeadModel,
    ) -> _Face | None:  # fmt: skip
        """Look at the photo where the fitted head has bare skin; None where there is too little of it."""
        side = photo.shape[0]
        head = replace(fit.head, hair="bald")
        scene = Scene(head, fit.pose, camera, (side, side), _even(0.8))
        mesh = head_mesh(scene, model)
        drawn = render([mesh], camera, (side, side), scene.light, np.zeros((side, side, 3), np.float32))
        hollow = openness(drawn.depth, max(1.5, HOLLOW * side))
        linear = unexposed(photo)
        skin = np.isin(drawn.region, (Region.SKIN, Region.NOSE)) & (-drawn.normals[..., 2] > FACING) & (there > 0.99)
        skin = cv2.erode(skin.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        skin &= linear.max(2) > DARK
        place = np.flatnonzero(skin)
        if len(place) < FEWEST:
            return None
        corners = mesh.triangles[drawn.triangle.ravel()[place]]
        share = drawn.barycentric.reshape(-1, 3)[place]
        uv = np.einsum("nk,nki->ni", share, mesh.uv[corners])
        on_face = np.ones(len(mesh.vertices))
        on_face[:478] = visibility
        on_face[model.assembly.blocks.face] = model.refine(np.repeat(visibility[:468, None], 3, axis=1))[:, 0]
        weight = np.clip((share * on_face[corners]).sum(1) * 2 - 0.5, 0.02, 1)
        normals = drawn.normals.reshape(-1, 3)[place].astype(np.float64)
        shape = harmonics(normals) * hollow.ravel()[place, None]
        basis = model.skin_basis(uv).astype(np.float64)
        known = np.abs(basis).sum((0, 2)) > 0  # beyond the outline of the face nothing was learned
        return cls(
            drawn, hollow, place[known], linear.reshape(-1, 3)[place][known].astype(np.float64), shape[known],
            basis[:, known], weight[known], drawn.region.ravel()[place][known] == Region.NOSE,
        )  # fmt: skip

    def pattern(self, code: FloatArray) -> FloatArray:
        """(N, 3) log reflectance over the tone's."""
        return np.asarray(self.basis[0] + np.tensordot(code.astype(np.float64), self.basis[1:], axes=1))

    def solve(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(24,) code of the skin, (9, 3) light as if its tone were ``MIDDLE``, (N,) how far each pixel is bare skin."""
        code: FloatArray = np.zeros(N_ALBEDO)
        start = tone_colour(MIDDLE)
        log = np.log(np.maximum(self.colour, DARK))
        # a nose is seldom hidden: what is far from its brightness may be hair or a hand, until the light is known
        nose = self.nose if self.nose.any() else np.ones(len(log), bool)
        trust = self.weight / (1 + (np.abs(log - np.median(log[nose], axis=0)).max(1) / ODD[0]) ** 4)
        for odd in ODD:
            known = np.exp(self.pattern(code)) * start
            light = np.stack([self._light(known[:, c], self.colour[:, c], trust) for c in range(3)], axis=1)
            lit = np.maximum(self.shape @ light, 0.05 * np.median(self.shape @ light, axis=0))
            left = log - np.log(lit * start) - self.basis[0]
            code = _components(self.basis[1:], left, trust)
            off = np.abs(left - np.tensordot(code, self.basis[1:], axes=1)).max(1)
            trust = self.weight / (1 + (off / odd) ** 2)
        return np.asarray(code, np.float32), light, trust

    def _light(self, albedo: FloatArray, colour: FloatArray, trust: FloatArray) -> FloatArray:
        """(9,) light of one channel by least squares, errors half-way between absolute and relative ones."""
        weight = trust / (colour + 0.3 * np.median(colour))
        rows = self.shape * albedo[:, None]
        usual = float(np.median(colour / albedo))
        weak = FILL_WEIGHT * (weight * albedo**2).sum() / len(_AROUND)
        square = (rows * weight[:, None]).T @ rows + weak * _AROUND.T @ _AROUND
        goal = rows.T @ (weight * colour) + weak * FILL * usual * _AROUND.sum(0)
        return np.asarray(np.linalg.solve(square, goal))


def _sphere(count: int) -> FloatArray:
    """(N, 3) unit vectors spread evenly (a Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


_AROUND: Final = harmonics(_sphere(100))


def _components(basis: FloatArray, left: FloatArray, trust: FloatArray) -> FloatArray:
    """(24,) code that explains the (N, 3) log reflectance that is left, drawn towards the mean skin."""
    flat = (basis - np.average(basis, axis=1, weights=trust)[:, None]).reshape(len(basis), -1)
    goal = (left - np.average(left, axis=0, weights=trust)).ravel()
    weight = np.repeat(trust, 3) / NOISE**2
    square = (flat * weight) @ flat.T + np.eye(len(basis))
    return np.asarray(np.clip(np.linalg.solve(square, (flat * weight) @ goal), -3, 3))


def _split(ambient: FloatArray, grey: bool) -> tuple[float, FloatArray]:
    """The likeliest tone, and the light that goes with it: what was found for ``MIDDLE`` holds for others, divided."""
    front = np.maximum(harmonics(np.array([[0.0, 0.0, -1.0]]))[0] @ ambient, 1e-4) * tone_colour(MIDDLE)
    tones = np.linspace(1, 10, 91)
    white = front / np.array([tone_colour(t) for t in tones])  # a white surface that faces the camera, after exposure
    # cameras expose for the whole picture, a little longer for dark skin: as sampling does
    glow = np.log(white @ LUMINANCE) + 0.1 - 0.1 * (tones - 4.5)
    tint = np.log(white[:, [0, 2]] / white[:, 1:2])
    cost = (
        ((tones - USUAL_TONE[0]) / USUAL_TONE[1]) ** 2
        + (glow / GLOW) ** 2
        + (0 if grey else ((tint / TINT) ** 2).sum(1))
    )
    best = float(tones[np.argmin(cost)])
    ambient = ambient * (tone_colour(MIDDLE) / tone_colour(best))
    if grey:
        seen = tone_colour(best) * LUMINANCE
        ambient = np.repeat((ambient @ seen / seen.sum())[:, None], 3, axis=1)
    return best, ambient


def _small_colours(head: HeadParameters, face: _Face, photo: ImageArray, light: Light) -> HeadParameters:
    """The named colours of irises and hair that come nearest to irises and brows."""
    linear, drawn = unexposed(photo), face.drawn
    lit = light.irradiance(drawn.normals.reshape(-1, 3).astype(np.float64)).reshape(drawn.normals.shape)
    lit = np.maximum(lit * face.open[..., None], 0.02)

    def reflectance(*regions: Region) -> FloatArray | None:
        here = np.isin(drawn.region, regions)
        return np.median(linear[here] / lit[here], axis=0) if here.sum() >= LEAST_IRIS else None

    iris, brow = reflectance(Region.IRIS), reflectance(Region.LEFT_BROW, Region.RIGHT_BROW)
    if iris is not None:
        head = replace(head, iris=_nearest(IRIS_COLOURS, iris))
    if brow is not None:
        head = replace(head, **_brows(tone_colour(head.tone), brow))
    return head


def _nearest(colours: Mapping[str, FloatArray | tuple[float, float, float]], seen: FloatArray) -> str:
    goal = np.log(np.maximum(seen, 1e-3))
    return min(colours, key=lambda name: float(((np.log(np.array(colours[name])) - goal) ** 2).sum()))


def _brows(bare: FloatArray, seen: FloatArray) -> dict[str, Any]:
    """Colour and weight of the brows: skin shows between hairs, so thin dark ones look like dense fair ones."""
    goal, best, least = np.log(np.maximum(seen, 1e-3)), ("dark_brown", USUAL_COVER), np.inf
    for name, colour in HAIR_COLOURS.items():
        for cover in np.linspace(0.2, 0.7, 11):
            mixed = np.log((1 - cover) * bare + cover * BROW_SHADE * np.array(colour))
            cost = (((mixed - goal) / 0.15) ** 2).sum() + ((cover - USUAL_COVER) / 0.12) ** 2 + RARE.get(name, 0.0)
            if cost < least:
                best, least = (name, float(cover)), cost
    return {"hair_colour": best[0], "brow_weight": best[1] / USUAL_COVER}


def unexposed(photo: ImageArray) -> FloatArray:
    """(..., 3) float32 linear light of 8-bit pixels as ``develop`` makes them; its shoulder is undone."""
    linear = linear_rgb(photo)
    over = np.minimum(np.maximum(linear - SHOULDER, 0), BRIGHTEST * (1 - SHOULDER))
    return np.asarray(np.minimum(linear, SHOULDER) + over * (1 - SHOULDER) / (1 - SHOULDER - over), np.float32)


def _lit(face: _Face, ambient: FloatArray) -> FloatArray:
    return np.maximum(face.shape @ ambient, 0)


def _srgb(linear: FloatArray) -> FloatArray:
    return develop(linear.astype(np.float32), 1.0).astype(np.float64)


def _even(strength: float) -> Light:
    """The same white light from everywhere."""
    return Light(surround([], strength), np.array([0.0, 0.0, -1.0]), np.zeros(3), 0.0, "even")
