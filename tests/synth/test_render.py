"""The renderer against brute force and geometry worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Camera, FloatArray, InputError, IntArray
from nasion.synth.light import LIGHTS, Light, draw_light, surround
from nasion.synth.mesh import Mesh, plain_paint, sheet, vertex_normals
from nasion.synth.raster import barycentric, rasterise
from nasion.synth.render import Render, render
from nasion.synth.shading import develop, linear_rgb
from nasion.synth.surface import Paint

DARK = Light(np.zeros((9, 3)), np.array([0.0, 0, -1]), np.zeros(3), 0.0)
EVEN = Light(surround([], 1.0), np.array([0.0, 0, -1]), np.zeros(3), 0.0)
LAMP = Light(np.zeros((9, 3)), np.array([0.0, 0, -1]), np.ones(3), 0.0)


def body(
    vertices: FloatArray,
    triangles: IntArray,
    *,
    uv: FloatArray | None = None,
    paint: Paint | None = None,
    **more: object,
) -> Mesh:
    vertices = np.asarray(vertices, np.float64)
    mesh = Mesh(
        vertices, vertex_normals(vertices, triangles), triangles,
        np.zeros((len(vertices), 2), np.float32) if uv is None else uv, np.zeros(len(triangles), np.uint8),
        paint or plain_paint((0.5, 0.5, 0.5), 0.0),
    )  # fmt: skip
    return replace(mesh, **more)  # type: ignore[arg-type]  # a test may set any field


def ball(radius: float, centre: tuple[float, float, float]) -> Mesh:
    polar, turn = np.meshgrid(np.linspace(0, np.pi, 48), np.linspace(0, 2 * np.pi, 96), indexing="ij")
    shape = (np.sin(polar) * np.cos(turn), np.cos(polar), np.sin(polar) * np.sin(turn))
    vertices, triangles, _ = sheet(np.stack(shape, -1))
    middle = vertices[triangles]
    outward = (np.cross(middle[:, 1] - middle[:, 0], middle[:, 2] - middle[:, 0]) * middle.mean(1)).sum(1)
    mesh = body(vertices * radius + centre, triangles if outward.sum() > 0 else triangles[:, ::-1])
    return replace(mesh, normals=vertices.astype(np.float32))


def board(z: float, half: float = 50.0, centre: tuple[float, float] = (0.0, 0.0), **more: object) -> Mesh:
    """A square that faces the camera."""
    x, y = np.meshgrid([-half + centre[0], half + centre[0]], [-half + centre[1], half + centre[1]])
    vertices, triangles, uv = sheet(np.stack([x, y, np.full_like(x, z)], -1))
    return body(vertices, triangles, uv=uv, **more)


def camera(size: int, focal: float = 1.5) -> Camera:
    return Camera(focal * size, focal * size, (size - 1) / 2, (size - 1) / 2)


def drawn(meshes: list[Mesh], size: int = 64, light: Light = EVEN) -> Render:
    return render(meshes, camera(size), (size, size), light, np.zeros((size, size, 3), np.float32))


def brute_force(pixels: FloatArray, depth: FloatArray, triangles: IntArray, size: int) -> tuple[IntArray, FloatArray]:
    """The nearest triangle of each pixel, one pixel at a time."""
    found, best = np.full((size, size), -1), np.zeros((size, size))
    for number, (a, b, c) in enumerate(triangles):
        u, v = pixels[b] - pixels[a], pixels[c] - pixels[a]
        area = u[0] * v[1] - u[1] * v[0]
        for row in range(size):
            for column in range(size):
                w = np.array([column, row]) - pixels[a]
                s, t = (w[0] * v[1] - w[1] * v[0]) / area, (u[0] * w[1] - u[1] * w[0]) / area
                if s >= 0 and t >= 0 and s + t <= 1:
                    inverse = (1 - s - t) / depth[a] + s / depth[b] + t / depth[c]
                    if inverse > best[row, column]:
                        found[row, column], best[row, column] = number, inverse
    return found, best


def test_every_pixel_sees_the_nearest_triangle() -> None:
    rng = np.random.default_rng(5)
    pixels, depth = rng.uniform(-8, 40, (36, 2)), rng.uniform(200, 900, 36)
    triangles = np.arange(36).reshape(-1, 3).astype(np.int32)
    seen = rasterise(pixels, depth, triangles, (32, 32), both_sides=True)
    expected, inverse = brute_force(pixels, depth, triangles, 32)
    assert (seen.triangle == expected).all()
    np.testing.assert_allclose(seen.inverse_depth, inverse, rtol=2e-5)


def test_triangles_that_show_their_back_are_left_out() -> None:
    pixels, depth = np.array([[2.0, 2], [20, 3], [4, 22]]), np.full(3, 100.0)
    outward = np.array([[0, 2, 1]], np.int32)  # cross(b - a, c - a) points to the viewer
    assert (rasterise(pixels, depth, outward, (24, 24)).triangle == 0).any()
    assert (rasterise(pixels, depth, outward[:, ::-1], (24, 24)).triangle == -1).all()


def test_neighbours_share_an_edge_without_gap_or_overlap() -> None:
    rng = np.random.default_rng(2)
    corners = np.array([[3.0, 3], [28, 3], [28, 28], [3, 28]])
    middle = np.array([[15.3, 14.1]])
    pixels = np.concatenate([corners, middle])
    fan = np.array([[0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]], np.int32)
    cover = np.zeros((32, 32), int)
    for triangle in fan:
        order = triangle[rng.permutation(3)][None]  # the order of the corners must not matter
        cover += rasterise(pixels, np.full(5, 50.0), order, (32, 32), both_sides=True).triangle >= 0
    expected = np.zeros((32, 32), int)
    expected[3:28, 3:28] = 1  # the far edges belong to whoever comes next
    assert (cover == expected).all()


def test_weights_find_the_place_on_the_triangle() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform((-50, -50, 350), (50, 50, 450), (3, 3))
    lens = camera(64)
    at = lens.project((points * np.array([[0.2], [0.3], [0.5]])).sum(0)[None])
    weights, depth = barycentric(lens.project(points), points[:, 2], np.array([[0, 1, 2]]), at[:, 0], at[:, 1])
    np.testing.assert_allclose(weights[0], (0.2, 0.3, 0.5), atol=1e-5)
    assert depth[0] == pytest.approx(points[:, 2] @ (0.2, 0.3, 0.5), rel=1e-6)


def test_depth_and_normals_of_a_ball() -> None:
    seen = drawn([ball(60, (5, -8, 500))], 96)
    rows, columns = np.nonzero(seen.mesh == 0)
    rays = camera(96).rays(np.stack([columns, rows], 1).astype(float))
    centre = np.array([5.0, -8, 500])
    along = rays @ centre
    root = along**2 - centre @ centre + 60**2
    certain = root > 300  # the rim of a ball made of triangles lies inside the ball
    distance = along - np.sqrt(np.clip(root, 0, None))
    hit = rays * distance[:, None]
    np.testing.assert_allclose(seen.depth[rows, columns][certain], hit[certain, 2], atol=0.2)
    cosine = (seen.normals[rows, columns] * (hit - centre) / 60).sum(1)
    assert np.degrees(np.arccos(np.clip(cosine[certain], -1, 1))).max() < 2
    assert np.isinf(seen.depth[seen.mesh < 0]).all()


def test_a_paint_lands_where_its_coordinates_say() -> None:
    albedo = np.zeros((64, 64, 3), np.float32)
    albedo[:32, :32, 0] = albedo[:32, 32:, 1] = albedo[32:, :32, 2] = 1
    paint = Paint(
        albedo, np.repeat(np.arange(64, dtype=np.uint8)[:, None] // 32, 64, 1), np.zeros((64, 64), np.float32)
    )
    seen = drawn([board(300, 90, paint=paint)], 64)
    assert seen.albedo[12, 12].tolist() == [1, 0, 0]  # u to the right, v down
    assert seen.albedo[12, 50].tolist() == [0, 1, 0]
    assert seen.albedo[50, 12].tolist() == [0, 0, 1]
    assert seen.region[12, 12] == 0
    assert seen.region[50, 12] == 1


def test_even_light_gives_back_the_albedo() -> None:
    seen = drawn([board(300, 200)], 64)
    np.testing.assert_allclose(seen.linear, 0.5, atol=0.02)


def test_no_light_is_black() -> None:
    assert drawn([board(300, 200)], 64, DARK).linear.max() == 0


def test_a_lamp_lights_what_faces_it() -> None:
    towards = drawn([ball(60, (0, 0, 500))], 96, LAMP)
    side = drawn([ball(60, (0, 0, 500))], 96, replace(LAMP, direction=np.array([1.0, 0, 0])))
    middle = 47
    assert towards.linear[middle, middle].mean() == pytest.approx(0.5, abs=0.02)
    assert side.linear[middle, 60:66].mean() > 5 * side.linear[middle, 29:35].mean()


def test_a_board_before_the_lamp_casts_a_shadow() -> None:
    lamp = replace(LAMP, direction=np.array([0.6, 0.0, -0.8]), shadow=1.0)
    wall = board(500, 150)
    screen = board(
        420, 25, centre=(60.0, 0.0), both_sides=True, name="screen"
    )  # stands where the lamp shines at (0, 0)
    lit, shaded = drawn([wall], 64, lamp), drawn([wall, screen], 64, lamp)
    assert shaded.mesh[31, 31] == 0
    assert lit.linear[31, 31].mean() > 0.3
    assert shaded.linear[31, 31].mean() < 0.1 * lit.linear[31, 31].mean()
    assert shaded.linear[31, 8].mean() == pytest.approx(lit.linear[31, 8].mean(), rel=0.05)


def test_outlines_are_smooth_and_cover_the_right_area() -> None:
    seen = drawn([ball(60, (0, 0, 500))], 64)
    focal = 1.5 * 64
    expected = np.pi * (focal * 60) ** 2 / (500**2 - 60**2)
    assert seen.coverage.sum() == pytest.approx(expected, rel=0.01)
    assert set(np.unique(seen.coverage)) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert ((seen.coverage > 0) & (seen.coverage < 1)).sum() > 40


def test_what_stands_in_front_is_seen() -> None:
    wall, thing = board(500, 200), board(300, 20, both_sides=True, name="thing")
    seen = drawn([wall, thing], 64)
    assert seen.mesh[31, 31] == 1
    assert seen.region[31, 31] == 0
    assert seen.mesh[3, 3] == 0
    assert (seen.mesh == 1).sum() in (12 * 12, 12 * 13, 13 * 13)  # 40 mm at 300 mm are 12.8 px


def test_a_clear_sheet_lets_through_what_is_behind() -> None:
    wall = board(500, 200)
    clear = board(300, 20, both_sides=True, alpha=0.25, paint=plain_paint((0, 0, 0), 0.0))
    seen = drawn([wall, clear], 64)
    assert (seen.mesh == 0).all()
    assert seen.linear[31, 31].mean() == pytest.approx(0.75 * 0.5, abs=0.02)
    assert seen.linear[3, 3].mean() == pytest.approx(0.5, abs=0.02)
    behind = drawn([board(250, 200), clear], 64)
    np.testing.assert_allclose(behind.linear, 0.5, atol=0.02)


def test_mirrored_light_lights_mirrored_normals_alike() -> None:
    rng = np.random.default_rng(4)
    normals = rng.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for lamp in (*LIGHTS.values(), draw_light(rng)):
        mirrored = lamp.mirror()
        np.testing.assert_allclose(mirrored.irradiance(normals * (-1, 1, 1)), lamp.irradiance(normals), atol=1e-9)
        np.testing.assert_allclose(mirrored.direction, lamp.direction * (-1, 1, 1))


def test_soft_lamps_light_a_matt_surface_as_the_cosine_law_says() -> None:
    glow = surround([((0, 0, -1), (1.0, 0.5, 0.25))], 0.0)
    facing = Light(glow, np.array([0.0, 0, -1]), np.zeros(3)).irradiance(np.array([[0.0, 0, -1]]))[0]
    # order 2 gives 17/16 of the true value 1 for a point-like lamp straight ahead
    np.testing.assert_allclose(facing, np.array([1, 0.5, 0.25]) * 17 / 16, rtol=1e-4)


def test_development_is_srgb_below_the_shoulder() -> None:
    levels = np.array([0, 20, 128, 200], np.uint8)
    linear = linear_rgb(np.repeat(levels[:, None], 3, 1))
    assert (np.abs(develop(linear, 1.0)[:, 0].astype(int) - levels) <= 1).all()
    assert develop(np.full((1, 3), 50.0, np.float32), 1.0).max() <= 255


@pytest.mark.parametrize("size", [8, 15, 4097, 10_000])
def test_sizes_no_face_fits_in_are_refused(size: int) -> None:
    with pytest.raises(InputError, match="16 to 4096"):
        render([board(300)], camera(64), (size, size), EVEN, np.zeros((1, 1, 3), np.float32))


def test_what_reaches_the_lens_is_refused() -> None:
    with pytest.raises(InputError, match="reaches the lens"):
        drawn([board(5)])
