"""Pictures of docs/systems/convlstm1d-expression.md: rendered sequences with what was read, and a clip's curves.

python docs/images/make_expression.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasion.core import ImageArray
from nasion.expression.sequence import ShownExpression
from nasion.media import Frame
from nasion.pipeline import Analyzer, run_video
from nasion.pipeline.clip import ClipReader
from nasion.report.clip import draw_clip
from nasion.synth.model import HeadModel
from nasion.synth.motion import motion
from nasion.synth.sampling import SceneOptions, sample_scene
from nasion.synth.scene import render_scene
from nasion.train.expression_takes import CLASSES, scenes, takes

HERE = Path(__file__).parent
SEED = 61


def sequences() -> ImageArray:
    """A row of five frames for each expression, people never learned from, with the two likeliest names beside."""
    model, reader = HeadModel.load(), ShownExpression()
    analyzer = Analyzer(("landmarks",), max_faces=1, threads=1)
    rows = []
    for number in range(8):
        take = next(one for one in takes(SEED, 1, first=number) if one.label == number)
        images = [render_scene(scene, model).image for scene in scenes(take, SEED)]
        points = np.stack([analyzer(image)[0].landmarks.points for image in images])
        share = reader.sequences(points[None])[0]
        label = np.full((192, 260, 3), 255, np.uint8)
        best = np.argsort(-share)[:2]
        lines = [(f"shown: {CLASSES[number]}", (90, 90, 90))]
        lines += [(f"{CLASSES[k]} {share[k]:.2f}", (20, 20, 20)) for k in best]
        for line, (text, colour) in enumerate(lines):
            cv2.putText(label, text, (12, 60 + 40 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, 1, cv2.LINE_AA)
        rows.append(np.hstack([*images, label]))
    whole = np.vstack(rows)
    return np.asarray(cv2.resize(whole, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8)


def clip(figure: Figure) -> None:
    """Two expressions in one rendered clip, read as a video is."""
    model = HeadModel.load()
    options = SceneOptions(
        yaw=(-6, 6), pitch=(-3, 3), roll=(0, 0), size=(192, 192), expression="neutral", light="soft", degrade=0
    )
    base = sample_scene(np.random.default_rng(8), options)
    frames = []
    for part, name in enumerate(("surprised", "happy")):
        made = motion("blink,expression", 4, 15, np.random.default_rng(part), shown=name)
        for scene in made.scenes(base):
            number = len(frames)
            frames.append(Frame(render_scene(scene, model).image, number, number / 15))
    reader = ClipReader(["expression"])
    for frame, faces in run_video(frames, Analyzer(("pose",), mode="video", threads=1)):
        reader.add(faces, frame.time_s)
    draw_clip(figure, reader.finish())


def main() -> None:
    """Write both."""
    cv2.imwrite(str(HERE / "expression_sequences.jpg"), sequences()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    clip(figure)
    figure.savefig(HERE / "expression_clip.png", dpi=90)


if __name__ == "__main__":
    main()
