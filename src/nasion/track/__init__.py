"""Keep identity over time, steady the paths of a face's points, and follow any other points of it.

What needs OpenCV is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.track.association import match_faces, without_duplicates
    from nasion.track.one_euro import OneEuroFilter
    from nasion.track.points import By, MeshBinding, PointFrame, PointTracker
    from nasion.track.pores import Pores, find_pores, pair_pores
    from nasion.track.refiner import Refiner
    from nasion.track.smoother import Smoother
    from nasion.track.tracker import Tracker

_HOMES = {
    "By": "points",
    "MeshBinding": "points",
    "OneEuroFilter": "one_euro",
    "PointFrame": "points",
    "PointTracker": "points",
    "Pores": "pores",
    "Refiner": "refiner",
    "Smoother": "smoother",
    "Tracker": "tracker",
    "find_pores": "pores",
    "match_faces": "association",
    "pair_pores": "pores",
    "without_duplicates": "association",
}

__all__ = [
    "By",
    "MeshBinding",
    "OneEuroFilter",
    "PointFrame",
    "PointTracker",
    "Pores",
    "Refiner",
    "Smoother",
    "Tracker",
    "find_pores",
    "match_faces",
    "pair_pores",
    "without_duplicates",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
