"""A binary state from facial dynamics: a graph of landmarks and small crops, fused. Research only; no model ships.

Source: Baroutian et al., arXiv 2512.04536.
"""

from nasion.clinic.binary_state.graph import aligned, neighbours, nodes
from nasion.clinic.binary_state.reader import FLAG, NOTICE, StateReader, StateReading, require_opt_in
from nasion.clinic.binary_state.shots import CROP, FPS, FRAMES, Shot, face_crop, make_shot

__all__ = [
    "CROP",
    "FLAG",
    "FPS",
    "FRAMES",
    "NOTICE",
    "Shot",
    "StateReader",
    "StateReading",
    "aligned",
    "face_crop",
    "make_shot",
    "neighbours",
    "nodes",
    "require_opt_in",
]
