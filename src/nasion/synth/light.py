"""Light: what falls on the head from all round, and one lamp that casts shadows.

Light from all round is kept as nine spherical-harmonic coefficients per colour, which describe how brightly a matt
surface of any orientation is lit to within some per cent (Ramamoorthi and Hanrahan, "An Efficient Representation for
Irradiance Environment Maps", SIGGRAPH 2001). Directions are in the camera frame: x right, y down, z away from the
camera; a light behind the photographer stands at z < 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError

COSINE_LOBE = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5)  # how much of each band a matt surface keeps


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The light of a scene; strengths are relative, 1 lights a surface that faces it fully.

    Attributes:
        ambient: (9, 3) float64, spherical-harmonic coefficients of what a white matt surface gives off, linear RGB.
        direction: (3,) float64, unit, from the head towards the lamp.
        colour: (3,) float64, strength of the lamp, linear RGB; zeros for none.
        shadow: 0..1, how dark the lamp's cast shadows are; 0 casts none and costs nothing.
        name: such as ``"window"``.
    """

    ambient: FloatArray
    direction: FloatArray
    colour: FloatArray
    shadow: float = 0.85
    name: str = "custom"

    def mirror(self) -> Light:
        """The light of the mirrored picture."""
        return Light(self.ambient * MIRROR[:, None], self.direction * (-1, 1, 1), self.colour, self.shadow, self.name)

    def irradiance(self, normals: FloatArray) -> FloatArray:
        """(N, 3) linear RGB that a white matt surface with these (N, 3) unit normals gives off, lamp left out."""
        light = harmonics(normals) @ self.ambient.astype(normals.dtype)
        return np.maximum(light, 0, out=light)


# sign of each basis function when x changes sign: xy, xz and x are odd
MIRROR = np.array([1.0, 1, 1, -1, -1, 1, 1, -1, 1])


def harmonics(directions: FloatArray) -> FloatArray:
    """(N, 9) real spherical harmonics of orders 0 to 2 at (N, 3) unit directions, in the order Y00 Y1-1 ... Y22."""
    x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    basis = np.empty((len(directions), 9), directions.dtype)
    basis[:, 0] = 0.282095
    basis[:, 1], basis[:, 2], basis[:, 3] = 0.488603 * y, 0.488603 * z, 0.488603 * x
    basis[:, 4], basis[:, 5], basis[:, 7] = 1.092548 * x * y, 1.092548 * y * z, 1.092548 * x * z
    basis[:, 6] = 0.315392 * (3 * z * z - 1)
    basis[:, 8] = 0.546274 * (x * x - y * y)
    return basis


def surround(lamps: list[tuple[tuple[float, float, float], tuple[float, float, float]]], base: float) -> FloatArray:
    """(9, 3) coefficients for ``Light.ambient``: an even glow of strength ``base`` and lamps (towards, colour).

    A lamp of colour 1 makes a white surface that faces it 1 bright, less or more by what order 2 cannot show (1/16).
    """
    directions = np.array([towards for towards, _ in lamps], np.float64).reshape(-1, 3)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    colours = np.array([colour for _, colour in lamps], np.float64).reshape(-1, 3)
    coefficients = COSINE_LOBE[:, None] * (harmonics(directions).T @ colours)
    coefficients[0] += base / 0.282095
    return np.asarray(coefficients)


def kelvin(temperature: float) -> FloatArray:
    """(3,) linear RGB tint of light of a colour temperature, about 2000..12000 K; 6500 is white, brightness kept.

    About six tenths of the way along the Planckian locus: a camera's white balance takes the rest out.
    """
    warm = np.log(6500 / temperature)
    colour = np.exp(np.array([0.40, -0.02, -0.62]) * warm)
    return np.asarray(colour / (colour @ (0.2126, 0.7152, 0.0722)))


def _unit(x: float, y: float, z: float) -> FloatArray:
    v = np.array([x, y, z], np.float64)
    return np.asarray(v / np.linalg.norm(v))


def _build(
    name: str, towards: tuple[float, float, float], lamp: float, sky: float, fill: float, base: float, shadow: float,
    warmth: float = 6500, sky_warmth: float = 6500,
) -> Light:  # fmt: skip
    """A lamp, a sky above, fill light from the camera's side and an even glow."""
    above, front = tuple(sky * kelvin(sky_warmth)), tuple(fill * kelvin(0.5 * (warmth + sky_warmth)))
    ground = tuple(0.25 * sky * kelvin(4500))
    ambient = surround([((0, -1, -0.3), above), ((0, 0, -1), front), ((0, 1, -0.2), ground)], base)
    return Light(ambient, _unit(*towards), lamp * kelvin(warmth), shadow, name)


LIGHTS: dict[str, Light] = {
    "soft": _build("soft", (-0.3, -0.7, -1.0), 0.25, 0.144, 0.112, 0.18, 0.5),
    "studio": _build("studio", (-0.7, -0.6, -1.0), 0.65, 0.064, 0.096, 0.1, 0.8),
    "window": _build("window", (-1.0, -0.3, -0.35), 0.95, 0.038, 0.038, 0.09, 0.9, 6800, 5200),
    "window_right": _build("window_right", (1.0, -0.3, -0.35), 0.95, 0.038, 0.038, 0.09, 0.9, 6800, 5200),
    "sun": _build("sun", (0.6, -1.0, -0.6), 1.1, 0.096, 0.032, 0.07, 0.95, 5200, 9000),
    "overhead": _build("overhead", (0.05, -1.0, -0.25), 0.75, 0.064, 0.038, 0.08, 0.9, 4300, 4300),
    "backlight": _build("backlight", (0.9, -0.5, 0.8), 1.1, 0.048, 0.058, 0.09, 0.8, 5200, 7500),
    "flash": _build("flash", (0.05, -0.12, -1.0), 0.85, 0.016, 0.032, 0.05, 0.7),
    "warm": _build("warm", (0.6, -0.4, -0.9), 0.6, 0.038, 0.051, 0.08, 0.8, 3200, 3400),
    "screen": _build("screen", (0.05, 0.35, -1.0), 0.55, 0.013, 0.032, 0.05, 0.6, 9500, 7500),
}  # fmt: skip


def light(name: str) -> Light:
    """One of ``LIGHTS``.

    Raises:
        InputError: there is none of that name.
    """
    if name not in LIGHTS:
        raise InputError(f"there is no light {name!r}; there are {', '.join(LIGHTS)}, random")
    return LIGHTS[name]


def draw_light(rng: np.random.Generator) -> Light:
    """A random light as photos have it: mostly from above and in front, of any warmth, sometimes hard."""
    azimuth, height = rng.normal(0, 60), rng.uniform(-5, 65)
    a, h = np.radians(azimuth), np.radians(height)
    towards = (float(np.sin(a) * np.cos(h)), float(-np.sin(h)), float(-np.cos(a) * np.cos(h)))
    hard = rng.beta(1.4, 1.6)
    warmth = float(np.exp(rng.normal(np.log(5600), 0.25)))
    built = _build(
        "random", towards, 0.15 + 0.8 * hard,
        rng.uniform(0.025, 0.16) * (1.2 - hard), rng.uniform(0.016, 0.13) * (1.2 - hard), rng.uniform(0.05, 0.16),
        rng.uniform(0.3, 0.95), warmth, float(np.exp(rng.normal(np.log(6000), 0.2))),
    )  # fmt: skip
    side = rng.normal(size=3) * (1, 0.5, 1)
    tint = rng.uniform(0, 0.05) * np.exp(rng.normal(0, 0.15, 3))
    extra = surround([((float(side[0]), float(side[1]), float(side[2])), (tint[0], tint[1], tint[2]))], 0.0)
    return Light(built.ambient + extra, built.direction, built.colour, built.shadow, "random")
