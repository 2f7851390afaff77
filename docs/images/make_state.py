"""Draw the picture of docs/systems/intoxication-gat-3dresnet.md: python docs/images/make_state.py (seconds)."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasion.clinic.binary_state import FPS, FRAMES, neighbours
from nasion.train.state_clips import synthetic


def main() -> None:
    """The graph, the lids over a shot, and crops, of one person calm and slowed."""
    clips = synthetic(3, 1, 1)["both"]
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2))
    face, graph = clips.nodes[1, 0, 0, :, :2], left.subplots()
    for i, j in np.argwhere(np.triu(neighbours(), 1)):
        graph.plot(*face[[i, j]].T, color="#9aa3af", linewidth=0.7)
    graph.plot(*face.T, "o", color="#2563eb", markersize=3)
    graph.set_aspect("equal")
    graph.invert_yaxis()
    graph.axis("off")
    graph.set_title("68 points and their neighbours", fontsize="medium")
    axes = right.subplots(3, 1, height_ratios=(2, 1, 1))
    for row, name in ((1, "calm"), (0, "slowed")):
        y = clips.nodes[row, 0, :, :, 1]
        for side, up, low, style in (("right", (37, 38), (40, 41), "-"), ("left", (43, 44), (46, 47), "--")):
            opening = y[:, low].mean(-1) - y[:, up].mean(-1)
            colour = "#dc2626" if name == "slowed" else "#2563eb"
            axes[0].plot(np.arange(FRAMES) / FPS, opening, style, color=colour, label=f"{name}, {side} lids")
        strip = axes[2 if name == "slowed" else 1]
        strip.imshow(np.hstack(clips.crops[row, 0, ::2]))
        strip.set_ylabel(name)
        strip.set_xticks([])
        strip.set_yticks([])
    axes[0].set_ylabel("lids open")
    axes[0].set_xlabel("time (s)")
    axes[0].legend(fontsize="x-small", ncols=2)
    figure.savefig(Path(__file__).parent / "state_cues.png", dpi=90)


if __name__ == "__main__":
    main()
