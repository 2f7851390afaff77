"""Draw the pictures of the pages on eyes and attention: python docs/images/make_eyes.py (half a minute)."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nasion.eyes import eye_aspect_ratio
from nasion.media import Frame, contact_sheet, write_image
from nasion.pipeline import Analyzer, run_video
from nasion.pipeline.clip import ClipReader, split_tasks
from nasion.report.clip import write_plot
from nasion.synth import LIGHTS, HeadModel, Scene, place, portrait, render_scene, sample_head
from nasion.synth.motion import motion

HERE, SIZE = Path(__file__).parent, (224, 224)
MODEL, (CAMERA, DISTANCE) = HeadModel.load(), portrait(SIZE, 0.62, 30.0)


def person(seed: int, **change: object) -> Scene:
    """Somebody who looks straight ahead."""
    head = replace(sample_head(np.random.default_rng(seed)), gaze=((0.0, 0.0), (0.0, 0.0)), expression={}, **change)
    return Scene(head, place(0, 0, 0, (0.0, 0.0, DISTANCE)), CAMERA, SIZE, light=LIGHTS["soft"])


def poses() -> None:
    """One pair of lids in five poses, and what both measures make of it."""
    analyzer, shown = Analyzer(("lids",)), []
    base = person(12, lids=(36.0, 36.0), hair="short")
    for yaw in (-40, -20, 0, 20, 40):
        image = render_scene(replace(base, pose=place(yaw, 0, 0, (0.0, 0.0, DISTANCE))), MODEL).image
        face = analyzer(image)[0]
        points = face.landmarks.points.astype(float)
        ela = face.lids.opening
        ear = np.mean(
            [eye_aspect_ratio(points[i, :2]) for i in ([362, 385, 387, 263, 373, 380], [33, 160, 158, 133, 153, 144])]
        )
        large = cv2.resize(image, (448, 448), interpolation=cv2.INTER_CUBIC)
        for text, y, colour in ((f"ELA {ela:.0f} deg", 400, (40, 220, 120)), (f"EAR {ear:.2f}", 434, (255, 190, 80))):
            cv2.putText(large, text, (12, y), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (10, 10, 10), 6, cv2.LINE_AA)
            cv2.putText(large, text, (12, y), cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour, 2, cv2.LINE_AA)
        shown.append(large)
    write_image(HERE / "eyelid_angle.png", contact_sheet(shown, columns=5, cell=220))


def curves() -> None:
    """Two people, one of them drowsy, who blink and turn, in one clip."""
    fps, seconds = 25.0, 8.0
    turns = (lambda t: 0.0 * t, lambda t: 32.0 * (3 < t < 5.5))
    moved = []
    for k, script in enumerate(("blink", "drowsy")):
        base = person(40 + k, hair="buzz")
        moved.append((base, motion([script], seconds, fps, np.random.default_rng(5 + k), base=base)))
    frames = []
    for i in range(round(seconds * fps)):
        images = []
        for (base, made), turn in zip(moved, turns, strict=True):
            yaw = turn(i / fps)
            images.append(
                render_scene(replace(made.scene(base, i), pose=place(yaw, 0, 0, (0.0, 0.0, DISTANCE))), MODEL).image
            )
        frames.append(Frame(np.concatenate(images, 1), i, i / fps))
    tasks, whole = split_tasks(("blinks", "attention"))
    reader = ClipReader(whole)
    for frame, faces in run_video(frames, Analyzer(tasks, mode="video", smooth=False), ahead=0):
        reader.add(faces, frame.time_s)
    write_plot(HERE / "blinks_attention.png", reader.finish())
    write_image(HERE / "blinks_people.png", contact_sheet([f.image for f in frames[::40]], columns=5, cell=220))


if __name__ == "__main__":
    poses()
    curves()
