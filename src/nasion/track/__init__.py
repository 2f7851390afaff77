"""Keep identity over time: which face of this frame is which face of the last one, and smooth paths of its points."""

from nasion.track.association import match_faces, without_duplicates
from nasion.track.one_euro import OneEuroFilter
from nasion.track.smoother import Smoother
from nasion.track.tracker import Tracker

__all__ = ["OneEuroFilter", "Smoother", "Tracker", "match_faces", "without_duplicates"]
