"""What the eyes say: openness now; blinks, gaze and wakefulness build on it."""

from nasion.eyes.openness import EyeOpenness, Eyes, eye_aspect_ratio

__all__ = ["EyeOpenness", "Eyes", "eye_aspect_ratio"]
