"""Head pose from landmarks, and which way people faced. Angles and frames are written once, in ``nasion.core.pose``."""

from nasion.pose.attention import Attention, Span, attention, attention_curve, spans
from nasion.pose.head_pose import HeadPose
from nasion.pose.orientation import LABELS, Orientation, head_orientation, neutral_pose

__all__ = [
    "LABELS",
    "Attention",
    "HeadPose",
    "Orientation",
    "Span",
    "attention",
    "attention_curve",
    "head_orientation",
    "neutral_pose",
    "spans",
]
