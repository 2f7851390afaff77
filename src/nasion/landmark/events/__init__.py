"""Event cameras: surfaces that keep what stands still and forget what moves (LADS), and the files events come in.

Source: Kielty, Hanley and Corcoran, "Locally Adaptive Decay Surfaces for High-Speed Face and Landmark Detection with
Event Cameras", arXiv 2602.23101.
"""

from nasion.landmark.events.decay import (
    KINDS,
    EventRate,
    Histogram,
    Laplacian,
    Spectral,
    TimeSurface,
    decay,
    usual_patch,
)
from nasion.landmark.events.files import load_events, simulate
from nasion.landmark.events.surface import EventSurface, surface_frames, surface_picture, windows

__all__ = [
    "KINDS",
    "EventRate",
    "EventSurface",
    "Histogram",
    "Laplacian",
    "Spectral",
    "TimeSurface",
    "decay",
    "load_events",
    "simulate",
    "surface_frames",
    "surface_picture",
    "usual_patch",
    "windows",
]
