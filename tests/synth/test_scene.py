"""Scenes: drawn from seeds, rendered to the same bytes, hidden where the masks say, refused when impossible."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Camera, InputError
from nasion.synth.background import BACKGROUNDS, background
from nasion.synth.light import LIGHTS, light
from nasion.synth.model import HeadModel
from nasion.synth.occluders import OCCLUDERS, Occluder
from nasion.synth.parameters import HeadParameters
from nasion.synth.presets import EXPRESSIONS, expression
from nasion.synth.sampling import SceneOptions, sample_scene, stereo, synth_batch
from nasion.synth.scene import Look, Scene, place, portrait, render_scene
from nasion.synth.surface import Region

SMALL = SceneOptions(size=(96, 96), occlude=0.5)
CALM = Look(exposure=1.0)


def scene(seed: int = 0, **options: object) -> Scene:
    return sample_scene(np.random.default_rng(seed), replace(SMALL, **options))  # type: ignore[arg-type]  # any field


def plain(**changes: object) -> Scene:
    camera, depth = portrait((96, 96))
    made = Scene(HeadParameters(), place(0, 0, 0, (0.0, 0.0, depth)), camera, (96, 96), LIGHTS["studio"], look=CALM)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test may set any field


def test_the_same_seed_gives_the_same_bytes_however_many_are_asked_for(model: HeadModel) -> None:
    few, more = list(synth_batch(2, 5, SMALL, model)), list(synth_batch(4, 5, SMALL, model))
    for a, b in zip(few, more, strict=False):
        assert (a.image == b.image).all()
        assert (a.truth.points == b.truth.points).all()
        assert (a.regions == b.regions).all()
    assert (more[0].image != more[1].image).any()
    assert (next(synth_batch(1, 6, SMALL, model)).image != more[0].image).any()


def test_drawn_scenes_stay_within_the_options() -> None:
    options = SceneOptions(yaw=(20, 40), pitch=(-5, 5), roll=(0, 0), tone=(3, 4), size=(80, 64), fill=(0.6, 0.6))
    for seed in range(40):
        drawn = sample_scene(np.random.default_rng(seed), options)
        assert 20 <= drawn.pose.yaw <= 40
        assert -5 <= drawn.pose.pitch <= 5
        assert drawn.pose.roll == 0
        assert 3 <= drawn.head.tone <= 4
        assert drawn.size == (80, 64)
        assert 162 * drawn.camera.fx / drawn.pose.translation[2] == pytest.approx(0.6 * 64)
        assert not drawn.occluders


def test_a_face_fills_what_was_asked_for(model: HeadModel) -> None:
    camera, depth = portrait((96, 96), fill=0.7)
    points = render_scene(plain(camera=camera, pose=place(0, 0, 0, (0.0, 0.0, depth))), model).truth.points
    assert (points[152, 1] - points[10, 1]) / 96 == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_named_expressions_reach_the_truth(model: HeadModel, name: str) -> None:
    shown = plain(head=HeadParameters(expression=expression(name)), expression=name)
    truth = render_scene(shown, model).truth
    assert truth.expression == name
    assert set(truth.units) == set(EXPRESSIONS[name])
    if name != "neutral":
        still = render_scene(plain(), model).truth
        assert np.abs(truth.points3d - still.points3d).max() > 1


def test_tone_changes_no_geometry(model: HeadModel) -> None:
    light_skin = render_scene(plain(head=HeadParameters(tone=1)), model)
    dark_skin = render_scene(plain(head=HeadParameters(tone=10)), model)
    assert (light_skin.truth.points3d == dark_skin.truth.points3d).all()
    assert (light_skin.render.depth == dark_skin.render.depth).all()
    skin = light_skin.regions == Region.SKIN
    assert light_skin.image[skin].mean() > 2 * dark_skin.image[skin].mean()


@pytest.mark.parametrize("kind", [kind for kind in OCCLUDERS if kind != "hair"])
def test_masks_are_exact(model: HeadModel, kind: str) -> None:
    bare = plain(light=replace(LIGHTS["studio"], shadow=0.0))
    covered = replace(bare, occluders=(Occluder(kind, 4),))
    without, having = render_scene(bare, model), render_scene(covered, model)
    hidden = having.occluder == 0
    assert hidden.mean() > 0.004
    assert (having.regions[hidden] == 0).all()
    assert (having.regions[~hidden] == without.regions[~hidden]).all()
    nearer = having.render.depth < without.render.depth - 1e-3
    assert (nearer == hidden).all()
    if kind != "glasses":  # clear lenses show what is behind them, with a veil
        fully = np.pad(hidden, 1)
        touched = fully[:-2, 1:-1] | fully[2:, 1:-1] | fully[1:-1, :-2] | fully[1:-1, 2:] | hidden
        # hollows are shaded by the depth around them, so pixels far from the thing stay as they were
        far = ~touched & (np.abs(having.image.astype(int) - without.image).max(2) > 40)
        assert far.mean() < 0.01


def test_strands_of_hair_hide_single_pixels(model: HeadModel) -> None:
    sample = render_scene(plain(occluders=(Occluder("hair", 2),)), model)
    assert 0.005 < (sample.occluder == 0).mean() < 0.3


def test_glasses_cling_to_every_face(model: HeadModel) -> None:
    for seed in range(4):
        head = scene(seed).head
        truth = render_scene(plain(head=head, occluders=(Occluder("sunglasses", seed),)), model).truth
        assert (truth.visibility[[159, 145, 386, 374]] == 1).all()  # both eyes are behind them
        assert (truth.visibility[[4, 13, 152]] == 2).all()  # nose, mouth and chin are not


def test_a_stereo_pair_differs_by_the_disparity(model: HeadModel) -> None:
    left, right = (render_scene(view, model).truth for view in stereo(plain(), 50.0))
    shift = left.points[:, 0] - right.points[:, 0]
    np.testing.assert_allclose(shift, left.camera.fx * 50 / left.camera_points[:, 2], rtol=1e-3)
    np.testing.assert_allclose(left.points[:, 1], right.points[:, 1], atol=1e-3)
    np.testing.assert_allclose(left.points3d, right.points3d, atol=1e-3)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_backgrounds_follow_their_seed(name: str) -> None:
    one, same, other = (background(name, (64, 48), seed) for seed in (1, 1, 2))
    assert one.shape == (48, 64, 3)
    assert one.dtype == np.float32
    assert (one == same).all()
    assert (one != other).any()
    assert one.min() >= 0
    assert one.max() <= 2


def test_look_turns_light_into_a_photo(model: HeadModel) -> None:
    base = render_scene(plain(), model).image.astype(int)
    brighter = render_scene(plain(look=Look(exposure=1.5)), model).image.astype(int)
    grey = render_scene(plain(look=replace(CALM, grey=True)), model).image
    noisy = render_scene(plain(look=replace(CALM, noise=6.0)), model).image.astype(int)
    soft = render_scene(plain(look=replace(CALM, blur=2.0)), model).image.astype(int)
    pressed = render_scene(plain(look=replace(CALM, jpeg=15)), model).image.astype(int)
    assert brighter.mean() > base.mean() + 5
    assert (grey[..., 0] == grey[..., 2]).all()
    assert (noisy - base).std() == pytest.approx(6, rel=0.5)
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.8 * np.abs(np.diff(base, axis=1)).mean()
    assert 0 < np.abs(pressed - base).mean() < 12


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"yaw": (-95, 0)}, "yaw must be a range within -90..90"),
        ({"yaw": (30, 10)}, "lowest first"),
        ({"tone": (0, 5)}, "tone must be"),
        ({"size": (8, 8)}, "16 to 4096"),
        ({"size": (256, 10_000)}, "16 to 4096"),
        ({"occlude": 1.5}, "probability"),
        ({"expression": "bored"}, "there is no expression 'bored'; there are neutral, happy"),
        ({"light": "neon"}, "there is no light 'neon'"),
        ({"background": "beach"}, "there is no background 'beach'"),
        ({"occluder": "cat"}, "there is no occluder 'cat'"),
    ],
)
def test_options_that_make_no_sense_are_refused(bad: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        SceneOptions(**bad)  # type: ignore[arg-type]  # wrong on purpose


def test_other_impossible_things_are_refused(model: HeadModel) -> None:
    with pytest.raises(InputError, match="baseline"):
        stereo(plain(), 0)
    with pytest.raises(InputError, match="no occluder"):
        Occluder("cloud")
    with pytest.raises(InputError, match="JPEG"):
        Look(jpeg=0)
    with pytest.raises(InputError, match="exposure"):
        Look(exposure=0)
    with pytest.raises(InputError, match="no light"):
        light("neon")
    with pytest.raises(InputError, match="intensity"):
        expression("happy", 1.5)
    with pytest.raises(InputError, match="reaches the lens"):
        render_scene(plain(pose=place(0, 0, 0, (0.0, 0.0, 40.0))), model)
    with pytest.raises(InputError, match="outside the picture"):
        render_scene(plain(pose=place(0, 0, 0, (9000.0, 0.0, 900.0))), model)


def test_an_arm_that_passes_beside_the_lens_is_cut_off(model: HeadModel) -> None:
    """Random scenes with a hand before a turned head close by stopped with an error in the middle of a batch."""
    options = SceneOptions(
        yaw=(60, 80),
        pitch=(-30, -10),
        size=(64, 64),
        fill=(0.7, 0.72),
        field_of_view=(55, 60),
        occlude=1,
        occluder="hand",
    )
    scene = sample_scene(np.random.default_rng((11, 12)), options)  # its forearm ends 34 mm behind the camera
    sample = render_scene(scene, model)
    assert (sample.occluder >= 0).any()
    assert sample.render.depth[sample.occluder >= 0].min() >= 10


def test_a_head_half_out_of_the_picture_is_fine(model: HeadModel) -> None:
    camera = Camera(300.0, 300.0, 47.5, 47.5)
    sample = render_scene(plain(camera=camera, pose=place(0, 0, 0, (90.0, 0.0, 600.0))), model)
    assert 0.2 < sample.truth.inside.mean() < 0.9
