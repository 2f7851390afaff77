"""What the eyes say: openness, lids and irises, open or shut, blinks, wakefulness."""

from nasion.eyes.baseline import CLOSED_SHARE, PLAIN_CLOSED_SHARE, PersonBaseline, closure, open_level
from nasion.eyes.blinks import Blink, detect_blinks
from nasion.eyes.clip_linking import ClipTrack, clip_starts, cut_clips, link_clips, score_runs
from nasion.eyes.drowsiness import LIMITS, RULE, NearestWindows, Window, drowsiness, windows
from nasion.eyes.eyelid_angle import DEPTH, combined_angle, eye_weights, eyelid_angles
from nasion.eyes.kit import EyeKit, Lids
from nasion.eyes.lid_model import solid_lids
from nasion.eyes.openness import EyeOpenness, Eyes, eye_aspect_ratio
from nasion.eyes.state import EyeState, EyeStateReader, eye_crops
from nasion.eyes.yawns import Mouth, MouthOpening, Yawn, detect_yawns

__all__ = [
    "CLOSED_SHARE",
    "DEPTH",
    "LIMITS",
    "PLAIN_CLOSED_SHARE",
    "RULE",
    "Blink",
    "ClipTrack",
    "EyeKit",
    "EyeOpenness",
    "EyeState",
    "EyeStateReader",
    "Eyes",
    "Lids",
    "Mouth",
    "MouthOpening",
    "NearestWindows",
    "PersonBaseline",
    "Window",
    "Yawn",
    "clip_starts",
    "closure",
    "combined_angle",
    "cut_clips",
    "detect_blinks",
    "detect_yawns",
    "drowsiness",
    "eye_aspect_ratio",
    "eye_crops",
    "eye_weights",
    "eyelid_angles",
    "link_clips",
    "open_level",
    "score_runs",
    "solid_lids",
    "windows",
]
