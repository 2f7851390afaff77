"""Clips of skin close up, from several cameras, in which the path of every point of the surface is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, IntArray
from nasion.report.bench.progress import progress
from nasion.synth import HeadModel, Look, SceneOptions, place, portrait, render_scene, sample_scene
from nasion.synth.motion import Motion, motion
from nasion.synth.pores import FINE, RigCamera, SurfacePoints, close_rig, close_up, fine_paint
from nasion.synth.scene import head_mesh

FPS = 30.0
SIZE, MM_PER_PX = (480, 400), 0.15
ANGLES = ((-24.0, -6.0), (-8.0, 6.0), (8.0, 6.0), (24.0, -6.0))
MAIN = 1  # the view in which points are chosen
TARGET = (0.0, 45.0, 570.0)  # mm: the upper lip of a head 600 mm away
WIDE = 256  # px, side of the whole face's picture, for landmarks
STRENGTH = 0.5  # of the action units: skin around the mouth then moves by about 5 mm


@dataclass(frozen=True, slots=True, eq=False)
class PoreClip:
    """V views of T frames; the world is the frame of a camera straight ahead of the head, mm.

    Attributes:
        views: the cameras.
        grey: (V, T, H, W) uint8.
        first: (V, H, W, 3) uint8, each view's first frame in colour.
        wide: (T, S, S, 3) uint8, the whole face from where the main view's camera stands; empty where not wanted.
        to_close: (2, 3), px of ``wide`` to px of the main view, the same lines of sight.
        vertices: (T, P, 3) float32 mm, the head in the world.
        triangles: (M, 3).
        seen: (V, H, W) int32, the triangle each pixel of the first frames sees.
    """

    views: list[RigCamera]
    grey: ImageArray
    first: ImageArray
    wide: ImageArray
    to_close: FloatArray
    vertices: FloatArray
    triangles: IntArray
    seen: IntArray

    def under(self, view: int, pixels: FloatArray) -> tuple[SurfacePoints, BoolArray]:
        """The surface points that pixels of a view's first frame see, and which pixels see one."""
        camera = self.views[view]
        vertices = self.vertices[0] @ camera.rotation.T + camera.translation
        return SurfacePoints.under(pixels, self.seen[view], vertices, self.triangles, camera.camera)

    def paths(self, points: SurfacePoints) -> FloatArray:
        """(N, T, 3) mm in the world."""
        return np.stack([points.on(vertices, self.triangles) for vertices in self.vertices], axis=1)

    def tracks(self, points: SurfacePoints, view: int) -> tuple[FloatArray, BoolArray]:
        """(N, T, 2) px in a view and (N, T) whether it sees them."""
        rig, pixels, visible = self.views[view], [], []
        for vertices in self.vertices:
            seen = vertices @ rig.rotation.T + rig.translation
            pixels.append(rig.camera.project(points.on(seen, self.triangles)))
            visible.append(points.visible(seen, self.triangles, rig.camera, rig.size, margin_px=8))
        return np.stack(pixels, axis=1), np.stack(visible, axis=1)


def make_clip(
    seed: int,
    frames: int,
    *,
    rigid: bool = False,
    wide: bool = True,
    angles: Iterable[tuple[float, float]] = ANGLES,
    size: tuple[int, int] = SIZE,
    atlas: int = FINE,
    fps: float = FPS,
) -> PoreClip:
    """Render a clip of a person of this seed.

    Args:
        seed: of the person, light and motion.
        frames: how many.
        rigid: the head turns and nods and the face does nothing; otherwise it talks, blinks and shows an expression.
        wide: whether the whole face is rendered, too.
        angles: (azimuth, elevation) degrees of the cameras.
        size: (width, height) px.
        atlas: texels to a side of the paint.
        fps: frames a second.
    """
    rng, model = np.random.default_rng((seed, 5)), HeadModel.load()
    options = SceneOptions(size=(WIDE, WIDE), expression="neutral", degrade=0, tone=(1, 7), light="random")
    base = sample_scene(rng, options)
    base = replace(base, pose=place(0, 0, 0, (0, 0, 600)), look=Look(base.look.exposure, 0.5, 1.5))
    moves = _moves(rng, frames, rigid, fps)
    paint = fine_paint(base.head, model, size=atlas)
    views = close_rig(np.array(TARGET), size, MM_PER_PX, list(angles))
    main = min(MAIN, len(views) - 1)
    whole, _ = portrait((WIDE, WIDE), 0.62)
    whole = replace(whole, fx=0.62 * WIDE * 600 / 162, fy=0.62 * WIDE * 600 / 162)
    close, ratio = views[main].camera, views[main].camera.fx / whole.fx
    to_close = np.array([[ratio, 0, close.cx - ratio * whole.cx], [0, ratio, close.cy - ratio * whole.cy]])
    grey = np.zeros((len(views), frames, size[1], size[0]), np.uint8)
    first, seen, vertices, wides = [], [], [], []
    mesh = None
    for frame, scene in enumerate(progress(moves.scenes(base), "rendering", frames)):
        world = head_mesh(scene, model)
        vertices.append(world.vertices.astype(np.float32))
        for v, view in enumerate(views):
            image, mesh, drawn = close_up(view.see(scene), model, paint, rng)
            grey[v, frame] = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            if frame == 0:
                first.append(image)
                seen.append(drawn.triangle)
        if wide:
            far = replace(views[main].see(scene), camera=whole, size=(WIDE, WIDE))
            wides.append(render_scene(far, model).image)
    assert mesh is not None, "a clip has frames"
    return PoreClip(
        views,
        grey,
        np.stack(first),
        np.array(wides, np.uint8),
        to_close,
        np.stack(vertices),
        mesh.triangles,
        np.stack(seen),
    )


def _moves(rng: np.random.Generator, frames: int, rigid: bool, fps: float) -> Motion:
    scripts = "nod" if rigid else "speech,blink,expression"
    moves = motion(scripts, frames / fps, fps, rng, shown=str(rng.choice(["happy", "disgusted"])))
    moves.units = {unit: STRENGTH * track for unit, track in moves.units.items()}
    moves.jaw = 0.35 * moves.jaw
    turn = np.array([7.0, 3.0, 4.0]) if rigid else np.array([2.5, 1.5, 1.5])
    rate, phase = rng.uniform(0.25, 0.6, 3), rng.uniform(0, 2 * np.pi, 3)
    drift = np.sin(2 * np.pi * rate * moves.time_s[:, None] + phase) - np.sin(phase)
    moves.head = (0.5 if rigid else 0.0) * moves.head + turn * drift
    return moves


def save_clip(clip: PoreClip, folder: Path) -> None:
    """Keep a clip's arrays as files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("grey", "first", "wide", "to_close", "vertices", "triangles", "seen"):
        np.save(folder / f"{name}.npy", getattr(clip, name))


def load_clip(folder: Path, angles: Iterable[tuple[float, float]] = ANGLES) -> PoreClip:
    """A clip that ``save_clip`` kept; its pictures stay on disk until they are read."""
    held = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r")
        for name in ("grey", "first", "wide", "to_close", "vertices", "triangles", "seen")
    }
    return PoreClip(close_rig(np.array(TARGET), SIZE, MM_PER_PX, list(angles)), **held)
