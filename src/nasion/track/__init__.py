"""Keep identity over time: which face of this frame is which face of the last one, and smooth paths of its points."""

from nasion.track.association import faces_coincide, match_faces
from nasion.track.one_euro import OneEuroFilter
from nasion.track.tracker import Tracker

__all__ = ["OneEuroFilter", "Tracker", "faces_coincide", "match_faces"]
