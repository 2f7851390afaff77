"""Visual search: where the eyes go, fixation by fixation, until they have found what they look for.

Source: "Visual Search Asymmetry: Deep Nets and Humans Share Similar Inherent Biases", NeurIPS 2021, arXiv 2106.02953.
"""

from nasion.gaze.search.behaviour import asymmetry_index, reaction_time, search_slope
from nasion.gaze.search.people import PersonSearch, face_codes
from nasion.gaze.search.pooling import ring_masks, ring_pool
from nasion.gaze.search.scan import ScanPath, VisualSearch
from nasion.gaze.search.stack import ConvStack, edge_stack
from nasion.gaze.search.stimuli import TASKS, Display, draw_display
from nasion.gaze.search.vgg import load_vgg16, random_vgg

__all__ = [
    "TASKS",
    "ConvStack",
    "Display",
    "PersonSearch",
    "ScanPath",
    "VisualSearch",
    "asymmetry_index",
    "draw_display",
    "edge_stack",
    "face_codes",
    "load_vgg16",
    "random_vgg",
    "reaction_time",
    "ring_masks",
    "ring_pool",
    "search_slope",
]
