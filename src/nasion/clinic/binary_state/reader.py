"""A binary state of a face in a clip, by a network of the user's own: research only, behind an explicit opt-in.

Source: arXiv 2512.04536. Trained by ``nasion.train.intoxication``; no model of any state ships with nasion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nasion.clinic.binary_state.shots import Shot
from nasion.core import FloatArray, InputError, ModelError
from nasion.models import Session

NOTICE: Final = (
    "Research code, NOT FOR ENFORCEMENT: a face in a video measures no blood alcohol, no fatigue and no pain. Do not "
    "use it to decide about people: not in traffic, at work, in custody, in care, at a door. Labels taken from scenes "
    "teach scenes and prejudice; tired, ill, old, disabled and neurodivergent people move differently. No model ships "
    "with nasion."
)
FLAG: Final = "--i-understand-research-only"


@dataclass(frozen=True, slots=True, eq=False)
class StateReading:
    """What the network says about a clip.

    Attributes:
        state: the state's name, from the model.
        probability: 0..1, the mean over the shots; as well calibrated as the labels that the user trained on.
        shots: (S,) probability of each shot.
        landmarks, pixels: (S,) weight of each branch, summing to 1.
        notice: to be shown with every figure.
    """

    state: str
    probability: float
    shots: FloatArray
    landmarks: FloatArray
    pixels: FloatArray
    notice: str = NOTICE


class StateReader:
    """Reads shots with a model of the user's own.

    Args:
        model: a file that ``nasion train intoxication-gat-3dresnet`` wrote.
        research_only: must be True: who calls has read `NOTICE`.
        threads: of ONNX Runtime.

    Raises:
        InputError: ``research_only`` was not given.
        ModelError: the model cannot be loaded or is no such network.
    """

    def __init__(self, model: str | Path, *, research_only: bool = False, threads: int = 1) -> None:
        require_opt_in(research_only)
        self.session = Session(Path(model), threads=threads)
        if set(self.session.input_shapes) != {"nodes", "crops"} or "state" not in self.session.metadata:
            raise ModelError(f"{self.session.path} is no network of `nasion train intoxication-gat-3dresnet`")
        self.state = self.session.metadata["state"]

    def __call__(self, shots: Sequence[Shot]) -> StateReading:
        """The reading of a clip's shots.

        Raises:
            InputError: there are none.
        """
        if not shots:
            raise InputError("no shot of 1.6 s with one face followed was found: nothing can be said")
        out = self.session.run({
            "nodes": np.stack([shot.nodes for shot in shots]), "crops": np.stack([shot.crops for shot in shots]),
        })  # fmt: skip
        each = out["probability"].astype(np.float64)
        gates = out["gates"].astype(np.float64)
        return StateReading(self.state, float(each.mean()), each, gates[:, 0], gates[:, 1])


def require_opt_in(given: bool) -> None:
    """Refuse without the explicit flag.

    Raises:
        InputError: with the notice.
    """
    if not given:
        raise InputError(f"{NOTICE} To go on with research of your own, say {FLAG} (Python: research_only=True)")
