"""The picture of docs/systems/mpeblink-instblink.md: who the network sees in a clip, and how surely each one blinks.

    python docs/images/make_instblink.py blinks.onnx [--people FOLDER]

The clip is one of those of benchmarks/instblink.py, with rendered people whom the network never saw.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.instblink import CROSSING_SEED, FRAMES, SIDE, WALKERS, crossing_clips

from nasion.eyes.instblink import BlinkNetwork
from nasion.metrics import tube_iou
from nasion.train.instblink_clips import FPS, rendered_people

COLOURS = ((31, 119, 180), (214, 94, 20), (44, 140, 60), (190, 50, 140), (120, 90, 60))
SHOWN = (4, 14, 24, 34, 44, 54)
CLIP = 1


def main() -> None:
    """Six frames of one clip with the boxes found, and a curve for each person."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--people", type=Path, default=None, help="folder that keeps the rendered people")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("instblink.jpg"))
    args = parser.parse_args()
    network = BlinkNetwork(args.model, threads=1)
    clip = crossing_clips(rendered_people(CROSSING_SEED, WALKERS, FRAMES, SIDE, cache=args.people))[CLIP]
    found = network((image, t / FPS) for t, image in enumerate(clip.images))
    order = np.argsort([-np.isfinite(p.boxes).all(1).sum() for p in found.people])[: len(COLOURS)]
    views = []
    for t in SHOWN:
        view = clip.images[t].copy()
        for colour, k in zip(COLOURS, order, strict=False):
            person = found.people[k]
            if np.isfinite(person.boxes[t]).all():
                x0, y0, x1, y1 = person.boxes[t].round().astype(int)
                blinks = any(a <= t < b for a, b in person.blinks)
                cv2.rectangle(view, (x0, y0), (x1, y1), colour, 8 if blinks else 3)
        views.append(cv2.resize(view, (300, 200), interpolation=cv2.INTER_AREA))
    figure = Figure(figsize=(9, 4.2 + 0.85 * len(order)), layout="constrained")
    top, *rows = figure.subplots(1 + len(order), 1, gridspec_kw={"height_ratios": [5.0] + [1.0] * len(order)})
    top.imshow(np.vstack([np.hstack(views[:3]), np.hstack(views[3:])]))
    top.set_axis_off()
    seconds, truth = np.arange(FRAMES) / FPS, clip.tracks()
    for axes, colour, k in zip(rows, COLOURS, order, strict=False):
        person = found.people[k]
        shared = [tube_iou(person.boxes, true.boxes) for true in truth]
        for a, b in truth[int(np.argmax(shared))].blinks:
            axes.axvspan(a / FPS, b / FPS, color="0.85")
        seen = np.isfinite(person.boxes).all(1)
        axes.plot(seconds, np.where(seen, found.scores[k], np.nan), color=np.array(colour) / 255)
        axes.axhline(network.threshold, color="0.6", linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 1)
        axes.set_xlim(0, FRAMES / FPS)
        axes.tick_params(labelbottom=axes is rows[-1])
    rows[-1].set_xlabel("seconds; grey: true blinks; dotted: threshold of the blink score")
    figure.savefig(args.out, dpi=110)


if __name__ == "__main__":
    main()
