"""Weights: which there are, where they lie, whether they are the right bytes, and how to run them."""

from nasion.models.catalogue import Catalogue, ModelCard, catalogue
from nasion.models.session import Session
from nasion.models.store import Verdict, cache_folder, find_model, pull_model, verify_models

__all__ = [
    "Catalogue",
    "ModelCard",
    "Session",
    "Verdict",
    "cache_folder",
    "catalogue",
    "find_model",
    "pull_model",
    "verify_models",
]
