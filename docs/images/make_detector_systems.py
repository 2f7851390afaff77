"""Draw the pictures of the manual's pages on or-face-selfsup and featenhancer.

python docs/images/make_detector_systems.py room ADAPTED.onnx
python docs/images/make_detector_systems.py dark DARK.onnx

The files are what `nasion train` has written. Rendered people, and a photo that comes with scikit-image.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from nasion.detect import FaceDetector
from nasion.detect.light import auto_gamma
from nasion.train.low_light import darken
from nasion.train.or_scenes import farther, operating_room

HERE = Path(__file__).parent
GAP = 6
TRUE, FOUND = (120, 220, 120), (255, 190, 60)


def boxed(image: np.ndarray, detector: FaceDetector, truth: np.ndarray | None = None) -> np.ndarray:
    """The picture with true boxes and found ones."""
    out = image.copy()
    for box in [] if truth is None else truth:
        (x0, y0), (x1, y1) = (tuple(int(v) for v in p) for p in (box[:2], box[2:]))
        cv2.rectangle(out, (x0 - 3, y0 - 3), (x1 + 3, y1 + 3), TRUE, 1, cv2.LINE_AA)
    for face in detector.detect(image):
        x0, y0, x1, y1 = (int(v) for v in face.box.to_array())
        cv2.rectangle(out, (x0, y0), (x1, y1), FOUND, 2, cv2.LINE_AA)
        cv2.putText(out, f"{face.score:.2f}", (x0, max(y0 - 5, 10)), 0, 0.45, FOUND, 1, cv2.LINE_AA)
    return out


def save(name: str, rows: list[list[np.ndarray]], quality: int = 88) -> None:
    """Rows of pictures of one size as a JPEG."""
    gap = np.full((rows[0][0].shape[0], GAP, 3), 255, np.uint8)
    lines = [np.concatenate([part for picture in row for part in (picture, gap)][:-1], 1) for row in rows]
    between = np.full((GAP, lines[0].shape[1], 3), 255, np.uint8)
    Image.fromarray(np.concatenate([part for line in lines for part in (line, between)][:-1])).save(
        HERE / f"{name}.jpg", quality=quality
    )


def room(adapted: Path) -> None:
    """Two frames of people apart from those adapted to, from afar: shipped detector left, adapted right."""
    before, after = FaceDetector(second_look=False), FaceDetector(adapted)
    clips, best = operating_room(900, 12, 1), []
    for clip in (farther(clip, 900 + i) for i, clip in enumerate(clips)):
        image, truth = clip.frames[0], clip.boxes[0]
        found = [len(detector.detect(image)) for detector in (before, after)]
        best.append((found[1] - found[0], image, truth))
    best.sort(key=lambda entry: -entry[0])
    save(
        "or_room", [[boxed(i, d, t)[::1, ::1] for d in (before, after)] for _, i, t in (best[0], best[len(best) // 2])]
    )


def dark(enhanced: Path) -> None:
    """A photo at gamma 4: as it is, brightened, and what the module makes of it, each with what is found."""
    image = darken(np.ascontiguousarray(data.astronaut()[:448, :448]), np.random.default_rng(0), gamma=4.0)
    plain, module = FaceDetector(threshold=0.3, second_look=False), FaceDetector(enhanced, threshold=0.3)
    shown = seen_by_the_detector(enhanced, image)
    drawn = boxed(image, module)
    marked = np.where((drawn != image).any(2, keepdims=True), drawn, shown)
    save("featenhancer_dark", [[boxed(image, plain), boxed(auto_gamma(image), plain), marked]])


def seen_by_the_detector(enhanced: Path, image: np.ndarray) -> np.ndarray:
    """What the module hands on: the input of the first convolution behind it, 0..255."""
    import onnx
    import onnxruntime as ort

    model = onnx.load(str(enhanced))
    first = next(n for n in model.graph.node if n.op_type == "Conv" and "/net/" in n.output[0])
    model.graph.output.append(onnx.ValueInfoProto(name=first.input[0]))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (out,) = session.run([first.input[0]], {"image": image.transpose(2, 0, 1)[None].astype(np.float32)})
    return np.clip(out[0].transpose(1, 2, 0), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    {"room": room, "dark": dark}[sys.argv[1]](Path(sys.argv[2]))
