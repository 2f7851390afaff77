"""The studio's server: it sends a page and the models; what the camera sees never comes here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.serve.app import create_app
    from nasion.serve.assets import Asset, read_assets

__all__ = ["Asset", "create_app", "read_assets"]

__getattr__, __dir__ = lazy(__name__, {"Asset": "assets", "create_app": "app", "read_assets": "assets"})
