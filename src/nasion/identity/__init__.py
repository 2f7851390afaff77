"""Who somebody is, among the people that the user enrolled; everybody else is unknown, and nothing of them is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.identity.embedding import FaceEmbedder, Quality, aligned_crop, quality
    from nasion.identity.gallery import Gallery, Match, gallery_path
    from nasion.identity.matching import calibrate, farthest_points
    from nasion.identity.voting import Votes

_HOMES = {
    "FaceEmbedder": "embedding",
    "Gallery": "gallery",
    "Match": "gallery",
    "Quality": "embedding",
    "Votes": "voting",
    "aligned_crop": "embedding",
    "calibrate": "matching",
    "farthest_points": "matching",
    "gallery_path": "gallery",
    "quality": "embedding",
}

__all__ = [
    "FaceEmbedder",
    "Gallery",
    "Match",
    "Quality",
    "Votes",
    "aligned_crop",
    "calibrate",
    "farthest_points",
    "gallery_path",
    "quality",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
