"""Published weights for InstBlink: safetensors or npz, never a pickle, and a file of them for ``nasion blinks``.

The checkpoint (its owners' drive, named in github.com/wenzhengzeng/MPEblink, Apache-2.0) is a pickle: its
``state_dict`` has to be saved in one of these forms first. nasion fetches nothing and has not run those weights: what
is tested is that a file with these names gives the network that its arrays describe. That network is meant for a GPU,
at some hundred times the work a frame of the one that nasion trains.
"""

from __future__ import annotations

from pathlib import Path

import torch

from nasion.eyes.clip_linking import THRESHOLD
from nasion.eyes.instblink import SYSTEM
from nasion.media.paths import prepare_output
from nasion.train.instblink_published import PUBLISHED, PublishedInstBlink, Shape
from nasion.train.published import fill
from nasion.train.traced import traced


def load_instblink(*paths: str | Path, shape: Shape = PUBLISHED) -> PublishedInstBlink:
    """The published network with its weights, in evaluation mode.

    Args:
        paths: ``.safetensors`` or ``.npz``; together they must hold every array, later files override earlier ones.
            Names may have the prefixes ``model.`` or ``module.``.
        shape: of the network that the files hold.

    Raises:
        ModelError: an array is missing or has another shape; the message names it.
    """
    net = PublishedInstBlink(shape)
    fill(net, "InstBlink", paths)
    return net


def export_published(net: PublishedInstBlink, path: Path, *, fps: float = 25.0, threshold: float = THRESHOLD) -> Path:
    """Write the ONNX file that ``nasion blinks CLIP --model`` reads.

    Args:
        net: of ``load_instblink``.
        path: to write.
        fps: of the clips that the network learned from.
        threshold: of its blink score; the released code's by default.

    Raises:
        MissingExtraError: the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
    """
    target, (width, height) = prepare_output(path), net.shape.size
    facts = {"system": SYSTEM, "size": f"{width}x{height}", "fps": f"{fps:g}", "threshold": f"{threshold:.2f}"}
    names = ("boxes", "face", "blink")
    example = torch.zeros(3, height, width, 3, dtype=torch.uint8)
    axes = {name: {0: "t"} for name in ("frames", *names)}
    target.write_bytes(traced(net, {"frames": example}, names, facts=facts, axes=axes))
    return target
