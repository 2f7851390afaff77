"""Training of landmark models: published systems on one contract, one loop, one export.

The only part of nasion that uses PyTorch, which comes with ``pip install "nasion[train]"``; importing this package does
not load it.
"""

from __future__ import annotations

from nasion.train.data import LandmarkSet, augment, load_csv, load_folder, split
from nasion.train.loop import Trained, fit
from nasion.train.recipe import RECIPES, Batch, Progress, Recipe, Stage, find_recipe
from nasion.train.score import Scores, evaluate

__all__ = [
    "RECIPES",
    "Batch",
    "LandmarkSet",
    "Progress",
    "Recipe",
    "Scores",
    "Stage",
    "Trained",
    "augment",
    "evaluate",
    "find_recipe",
    "fit",
    "load_csv",
    "load_folder",
    "split",
]
