"""Weights that others published, into a network of the same names: safetensors or npz, never a pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, ModelError
from nasion.models.arrays import load_arrays
from nasion.train.recipe import require_torch

if TYPE_CHECKING:
    from torch import nn

PREFIXES = ("", "model.", "module.")  # that training code puts before all names of a checkpoint


def fill(net: nn.Module, system: str, paths: Sequence[str | Path], *, parts: Sequence[str] = ("",)) -> None:
    """Fill a network from files, and set it to evaluation mode.

    Args:
        net: what to fill; its counters of batches may be missing in the files.
        system: what it is called, for messages.
        paths: ``.safetensors`` or ``.npz``; together they must hold every array, later files override earlier ones.
            Names may have the prefixes ``model.`` or ``module.``; what the network has no name for is left out.
        parts: beginnings of the network's names that a file's may lack, as a file of one part of it does.

    Raises:
        ModelError: a file cannot be read, or an array is missing or has another shape; the message names it.
    """
    torch = require_torch()
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    held: dict[str, FloatArray] = {}
    for path in paths:
        for name, array in load_arrays(path).items():
            bare = (name.removeprefix(cut) for cut in PREFIXES if name.startswith(cut))
            held.update({part + rest: array for rest in bare for part in parts if part + rest in wanted})
    named = ", ".join(str(path) for path in paths) or "no file"
    if missing := sorted(n for n in set(wanted) - set(held) if not n.endswith("num_batches_tracked")):
        raise ModelError(f"{named}: {len(missing)} arrays of {system} are missing, the first is {missing[0]}")
    for name, array in held.items():
        if array.shape != wanted[name]:
            raise ModelError(f"{named}: {name} has shape {array.shape}, this network takes {wanted[name]}")
    filled = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in held.items()}
    net.load_state_dict(net.state_dict() | filled)
    net.eval()
