"""Published weights for ViTGaze's network: safetensors or npz, never a pickle.

Two files make one network: the backbone, such as ``model.safetensors`` of ``timm/vit_small_patch14_dinov2.lvd142m`` on
Hugging Face (DINOv2, Apache-2.0), and guidance and heads, or everything, from ``yhsong/ViTGaze`` there (MIT), whose
checkpoint its owner has to convert to one of these forms first. nasion fetches neither, and has not run them: what is
tested is that a file with these names gives the network that its arrays describe.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ModelError
from nasion.models.arrays import load_arrays
from nasion.train.recipe import require_torch
from nasion.train.vitgaze_net import PUBLISHED, Shape, ViTGaze

PREFIXES = ("", "model.", "module.", "backbone.", "model.backbone.")


def load_vitgaze(*paths: str | Path, shape: Shape = PUBLISHED) -> ViTGaze:
    """The network with its weights, in evaluation mode.

    Args:
        paths: ``.safetensors`` or ``.npz``; together they must hold every array, later files override earlier ones.
            Names may have the prefixes ``model.`` or ``module.``; a backbone's may lack ``backbone.``.
        shape: of the network that the files hold.

    Raises:
        ModelError: an array is missing or has another shape; the message names it.
    """
    torch = require_torch()
    net = ViTGaze(shape)
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    held: dict[str, FloatArray] = {}
    for path in paths:
        held.update(_renamed(load_arrays(path), set(wanted)))
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(held) - counters)
    named = ", ".join(str(p) for p in paths) or "no file"
    if missing:
        raise ModelError(f"{named}: {len(missing)} arrays of ViTGaze are missing, the first is {missing[0]}")
    for name, array in held.items():
        if array.shape != wanted[name]:
            raise ModelError(f"{named}: {name} has shape {array.shape}, this network takes {wanted[name]}")
    state = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in held.items()}
    state.update({name: net.state_dict()[name] for name in counters})
    net.load_state_dict(state)
    return net.eval()


def _renamed(arrays: dict[str, FloatArray], wanted: set[str]) -> dict[str, FloatArray]:
    """Those arrays that the network has, by its own names."""
    found = {}
    for name, array in arrays.items():
        for cut in PREFIXES:
            bare = name.removeprefix(cut) if name.startswith(cut) else name
            for own in (bare, f"backbone.{bare}"):
                if own in wanted:
                    found[own] = array
    return found
