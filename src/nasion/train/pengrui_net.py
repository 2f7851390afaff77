"""The two encoders and the decoder that part who a face is from what it expresses."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from nasion.core import FloatArray

EXPRESSION, PERSON = 32, 64  # numbers in each code
WIDE = 256


def _mlp(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes[:-1]):
        layers += [nn.Linear(a, b), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class Decoupling(nn.Module):
    """Shapes (B, 468, 3) to an expression code and a morphology code, and back.

    Networks see shapes as ``basis`` components; each encoder and the decoder is a linear map plus what an MLP adds.

    Args:
        mean: (468, 3) mean shape.
        basis: (P, 468 * 3) orthonormal directions.
        scale: (P,) spread of the components, for the networks' input.
        home: (468, 3) a typical person at rest.
    """

    def __init__(self, mean: FloatArray, basis: FloatArray, scale: FloatArray, home: FloatArray) -> None:
        super().__init__()
        for name, value in (("mean", mean.reshape(-1)), ("basis", basis), ("scale", scale), ("home", home)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        parts = len(basis)
        self.expression, self.expression_line = _mlp(parts, WIDE, WIDE, EXPRESSION), nn.Linear(parts, EXPRESSION)
        self.person, self.person_line = _mlp(parts, WIDE, PERSON), nn.Linear(parts, PERSON)
        self.decoder, self.decoder_line = (
            _mlp(EXPRESSION + PERSON, WIDE, WIDE, parts),
            nn.Linear(EXPRESSION + PERSON, parts),
        )

    def parts(self, shapes: Tensor) -> Tensor:
        """(B, P) components of (B, 468, 3) shapes, in their spreads."""
        return (shapes.flatten(1) - self.mean) @ self.basis.T / self.scale

    def encode(self, parts: Tensor) -> tuple[Tensor, Tensor]:
        """(B, P) components to codes (B, 32) and (B, 64)."""
        expression: Tensor = self.expression(parts) + self.expression_line(parts)
        person: Tensor = self.person(parts) + self.person_line(parts)
        return expression, person

    def decode(self, expression: Tensor, person: Tensor) -> Tensor:
        """Codes to (B, P) components."""
        both = torch.cat([expression, person], 1)
        found: Tensor = self.decoder(both) + self.decoder_line(both)
        return found

    def forward(self, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """What is exported: the expression as a typical person would show it, and the person's code.

        The 32 numbers between encoder and decoder have no measure of their own. Shown by one person, an expression is
        as large as the points move.
        """
        expression, person = self.encode(self.parts(shapes))
        typical = self.encode(self.parts(self.home[None]))[1]
        return self.decode(expression, typical.expand_as(person)) * self.scale, person


def losses(net: Decoupling, faces: Tensor, heard: Tensor, rest: Tensor) -> dict[str, Tensor]:
    """The terms on a grid of people and expressions.

    Args:
        net: the network.
        faces: (A, B, P) components of A people, each with the same B expressions.
        heard: the same with noise: what the encoders are given.
        rest: (A, P) the people at rest, with noise.
    """
    people, shown = faces.shape[:2]
    weight = net.scale / net.scale.mean()  # an error counts in the unit of shapes, not of spreads
    truth = faces.flatten(0, 1)

    def off(found: Tensor, wanted: Tensor) -> Tensor:
        return ((found - wanted) * weight).square().mean()

    e, m = net.encode(heard.flatten(0, 1))
    e, m = e.unflatten(0, (people, shown)), m.unflatten(0, (people, shown))
    mine = off(net.decode(e.flatten(0, 1), m.flatten(0, 1)), truth)
    # the same person's morphology from another frame, the same expression from another person
    other_frame = m.roll(1, 1).flatten(0, 1)
    other_person = e.roll(1, 0).flatten(0, 1)
    swapped = off(net.decode(e.flatten(0, 1), other_frame), truth)
    across = off(net.decode(other_person, other_frame), truth)
    # a face nobody has shown: both codes must come back from it
    mixed_e, mixed_m = e.roll((1, 1), (0, 1)).flatten(0, 1), m.flatten(0, 1)
    again_e, again_m = net.encode(net.decode(mixed_e, mixed_m))
    size_e, size_m = e.detach().square().mean() + 1e-3, m.detach().square().mean() + 1e-3
    cycle = (again_e - mixed_e).square().mean() / size_e + (again_m - mixed_m).square().mean() / size_m
    alike = (e - e.mean(0, keepdim=True)).square().mean() / size_e
    steady = (m - m.mean(1, keepdim=True)).square().mean() / size_m
    silent = net.encode(rest)[0].square().mean() / size_e
    centred_e = e.flatten(0, 1) - e.mean((0, 1))
    centred_m = m.flatten(0, 1) - m.mean((0, 1))
    shared = (centred_e.T @ centred_m / len(centred_e)).square().mean() / (size_e * size_m)
    return {
        "mine": mine, "swapped": swapped, "across": across, "cycle": 0.1 * cycle, "alike": 0.5 * alike,
        "steady": 0.1 * steady, "silent": 0.5 * silent, "shared": 0.1 * shared,
    }  # fmt: skip
