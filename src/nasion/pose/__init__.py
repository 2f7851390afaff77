"""Head pose from landmarks. The convention of angles and frames is written once, in ``nasion.core.pose``."""

from nasion.pose.head_pose import HeadPose

__all__ = ["HeadPose"]
