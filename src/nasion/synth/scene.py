"""A scene: one head, where it is, what lights it, what hides it, what takes the picture; and how it is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache

import cv2
import numpy as np

from nasion.core import Camera, FloatArray, ImageArray, InputError, IntArray, Pose
from nasion.synth.background import background
from nasion.synth.light import LIGHTS, Light
from nasion.synth.mesh import Mesh, beyond, vertex_normals
from nasion.synth.model import HeadModel
from nasion.synth.occluders import Occluder, occluder_meshes
from nasion.synth.parameters import HeadParameters
from nasion.synth.raster import NEAREST_MM
from nasion.synth.render import Render, check_size, render
from nasion.synth.shading import develop
from nasion.synth.surface import Paint, Region
from nasion.synth.truth import HeadTruth, head_truth

ATLAS, SMALL = 512, 288  # texels; pictures up to SMALL px make do with half of them, and paint four times as fast


NOT_PAINTED = frozenset(("identity", "albedo", "expression", "jaw", "lids", "gaze", "pupil"))  # albedo: by its bytes


@dataclass(frozen=True, slots=True)
class Look:
    """What the camera's electronics make of the light.

    Attributes:
        exposure: factor on the light before it becomes 8 bits.
        blur: px, standard deviation of the lens's blur; 0 for none.
        noise: standard deviation at mid grey, 8-bit levels.
        jpeg: quality 5..100 that the picture went through; None for none.
        grey: whether it is a black-and-white picture.
    """

    exposure: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int | None = None
    grey: bool = False

    def __post_init__(self) -> None:
        if not (self.exposure > 0 and self.blur >= 0 and self.noise >= 0):
            raise InputError(f"exposure must be above 0, blur and noise not below; got {self}")
        if self.jpeg is not None and not 5 <= self.jpeg <= 100:
            raise InputError(f"the JPEG quality must be 5..100, got {self.jpeg}")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything a picture depends on; the same scene gives the same pixels.

    Attributes:
        head: who it is and what the face does.
        pose: of the head, relative to the line of sight, with its place in mm.
        camera: intrinsics.
        size: (width, height) px, 16..4096 each.
        light: what lights it.
        occluders: what stands in front, if anything.
        background: name of a procedural background.
        look: exposure, blur, noise, compression.
        expression: the name of the expression, kept for the truth; the head's action units are what is rendered.
        seed: of the noise and the background.
        frame: number of the picture in a clip; only the noise depends on it.
        mirrored: whether the background is the other way round.
    """

    head: HeadParameters
    pose: Pose
    camera: Camera
    size: tuple[int, int] = (256, 256)
    light: Light = field(default_factory=lambda: LIGHTS["soft"])
    occluders: tuple[Occluder, ...] = ()
    background: str = "gradient"
    look: Look = Look()
    expression: str = "custom"
    seed: int = 0
    frame: int = 0
    mirrored: bool = False

    def mirror(self, model: HeadModel) -> Scene:
        """The scene whose picture is the mirror image of this one's, but for noise and compression."""
        (width, _), (x, y, z) = self.size, self.pose.translation
        pose = replace(self.pose, yaw=-self.pose.yaw, roll=-self.pose.roll, translation=(-x, y, z))
        return replace(
            self,
            head=model.mirror(self.head),
            pose=pose,
            camera=replace(self.camera, cx=width - 1 - self.camera.cx),
            light=self.light.mirror(),
            occluders=tuple(replace(o, mirrored=not o.mirrored) for o in self.occluders),
            mirrored=not self.mirrored,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A rendered scene.

    Attributes:
        image: (H, W, 3) uint8 sRGB.
        truth: everything that is known about the face.
        regions: (H, W) uint8, ``Region`` of the head where it can be seen, 0 elsewhere.
        occluder: (H, W) int8, row of ``scene.occluders`` that the pixel sees; -1 where it sees none. A clear lens is
            not seen.
        render: the picture in linear light, depth, normals, albedo, triangle and weights of each pixel.
        scene: what was rendered.
    """

    image: ImageArray
    truth: HeadTruth
    regions: IntArray
    occluder: IntArray
    render: Render
    scene: Scene


def place(yaw: float, pitch: float, roll: float, translation: tuple[float, float, float] = (0.0, 0.0, 600.0)) -> Pose:
    """A pose that is known exactly; angles in degrees relative to the line of sight, mm in the camera frame."""
    return Pose(1.0, "", yaw, pitch, roll, translation)


def portrait(size: tuple[int, int], fill: float = 0.62, field_of_view: float = 25.0) -> tuple[Camera, float]:
    """A camera for a portrait and the distance, mm, at which a face's height fills this share of the shorter side.

    Args:
        size: (width, height) px.
        fill: forehead to chin over the shorter side.
        field_of_view: degrees over the longer side.
    """
    camera = Camera.for_image(*size, field_of_view)
    return camera, FACE_MM * camera.fx / (fill * min(size))


FACE_MM = 162.0  # top of the forehead to chin of the mean face


def render_scene(scene: Scene, model: HeadModel) -> Sample:
    """Render a scene with its truth.

    Args:
        scene: what to render.
        model: the head; load it once for many scenes.

    Raises:
        InputError: a size out of range, or a head that reaches the lens or lies outside the picture altogether.
    """
    check_size(*scene.size)
    head = head_mesh(scene, model)
    meshes, rows = [head], [-1]
    rotation, translation = scene.pose.camera_rotation, np.array(scene.pose.translation)
    surface_points = (head.vertices[:478] - translation) @ rotation
    if scene.occluders:
        skin = head.paint.albedo[::4, ::4][head.paint.regions[::4, ::4] == Region.SKIN].mean(0)
        for row, occluder in enumerate(scene.occluders):
            made = occluder_meshes(occluder, surface_points, rotation, translation, skin)
            # an arm may pass beside the lens: what is nearer than anything can be drawn is out of the picture
            pieces = [piece for piece in (beyond(piece, NEAREST_MM) for piece in made) if piece is not None]
            meshes += pieces
            rows += [row] * len(pieces)
    backdrop = background(scene.background, scene.size, scene.seed)
    if scene.mirrored:
        backdrop = np.ascontiguousarray(backdrop[:, ::-1])
    drawn = render(meshes, scene.camera, scene.size, scene.light, backdrop)
    if not (drawn.mesh >= 0).any():
        raise InputError(f"the head at {scene.pose.translation} mm lies outside the picture of {scene.size} px")
    truth = head_truth(scene, model, surface_points, meshes)
    opaque = [row for row, mesh in zip(rows, meshes, strict=True) if mesh.alpha >= 1]
    occluder_map = np.array([*opaque, -1], np.int8)[drawn.mesh]
    return Sample(_expose(drawn.linear, scene), truth, drawn.region, occluder_map, drawn, scene)


def head_mesh(scene: Scene, model: HeadModel) -> Mesh:
    """The scene's head in the camera frame."""
    surface, paint = model.shape(scene.head), model.paint(scene.head, ATLAS if max(scene.size) > SMALL else ATLAS // 2)
    rotation, translation = scene.pose.camera_rotation, np.array(scene.pose.translation)
    vertices = surface.vertices.astype(np.float64)
    normals = vertex_normals(vertices, surface.triangles) @ rotation.T.astype(np.float32)
    return Mesh(
        vertices @ rotation.T + translation, normals, surface.triangles, surface.uv, surface.part, paint, name="head"
    )


@dataclass(frozen=True, slots=True)
class _Skin:
    """A head as far as its paint goes, so that the frames of a clip and the views of a person are painted once."""

    key: tuple[object, ...]
    head: HeadParameters = field(compare=False)

    @classmethod
    def of(cls, head: HeadParameters) -> _Skin:
        painted = (getattr(head, f.name) for f in fields(head) if f.name not in NOT_PAINTED)
        return cls((head.albedo.tobytes(), *painted), head)


@lru_cache(maxsize=2)
def _painted(model: HeadModel, skin: _Skin, size: int) -> Paint:
    return model.paint(skin.head, size)


def _expose(linear: FloatArray, scene: Scene) -> ImageArray:
    """Blur, exposure, noise and compression."""
    look = scene.look
    if look.blur > 0:
        linear = np.asarray(cv2.GaussianBlur(linear, (0, 0), look.blur))
    if look.grey:
        linear = np.repeat((linear @ np.array([0.2126, 0.7152, 0.0722], np.float32))[..., None], 3, axis=2)
    image = develop(np.asarray(linear, np.float32), look.exposure)
    if look.noise > 0:
        rng = np.random.default_rng((scene.seed, 1 + scene.frame))
        grain = rng.normal(0, look.noise, image.shape).astype(np.float32)
        if look.grey:
            grain[..., 1] = grain[..., 2] = grain[..., 0]
        image = np.clip(np.rint(image + grain * np.sqrt(0.3 + image / 180)), 0, 255).astype(np.uint8)
    if look.jpeg is not None:
        done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])
        assert done, "OpenCV ships with a JPEG encoder"
        image = np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])
    return np.asarray(image, np.uint8)
