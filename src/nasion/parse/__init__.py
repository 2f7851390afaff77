"""Facial regions: the tanh-polar view of a face, and which part of it each pixel shows."""

from nasion.parse.parser import COLORS, REGIONS, FaceParser, Parsing
from nasion.parse.tanh_polar import Roi, restore, warp

__all__ = ["COLORS", "REGIONS", "FaceParser", "Parsing", "Roi", "restore", "warp"]
