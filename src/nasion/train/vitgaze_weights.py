"""Published weights for ViTGaze's network: safetensors or npz, never a pickle.

Two files make one network: the backbone, such as ``model.safetensors`` of ``timm/vit_small_patch14_dinov2.lvd142m`` on
Hugging Face (DINOv2, Apache-2.0), and guidance and heads, or everything, from ``yhsong/ViTGaze`` there (MIT), whose
checkpoint its owner has to convert to one of these forms first. nasion fetches neither, and has not run them: what is
tested is that a file with these names gives the network that its arrays describe.
"""

from __future__ import annotations

from pathlib import Path

from nasion.train.published import fill
from nasion.train.vitgaze_net import PUBLISHED, Shape, ViTGaze


def load_vitgaze(*paths: str | Path, shape: Shape = PUBLISHED) -> ViTGaze:
    """The network with its weights, in evaluation mode.

    Args:
        paths: ``.safetensors`` or ``.npz``; together they must hold every array, later files override earlier ones.
            Names may have the prefixes ``model.`` or ``module.``; a backbone's may lack ``backbone.``.
        shape: of the network that the files hold.

    Raises:
        ModelError: an array is missing or has another shape; the message names it.
    """
    net = ViTGaze(shape)
    fill(net, "ViTGaze", paths, parts=("", "backbone."))
    return net
