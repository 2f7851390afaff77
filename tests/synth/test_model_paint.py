"""The head's colours: tone apart from everything else, regions, determinism, privacy of what ships."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from nasion.core.errors import InputError
from nasion.synth.model import HeadModel
from nasion.synth.paint import MONK, tone_colour
from nasion.synth.parameters import N_ALBEDO, HeadParameters
from nasion.synth.surface import Region

MODEL = HeadModel.load()
SIZE = 256
BARE = {"hair": "bald", "brow_weight": 0.0}


def paint(**settings: object):
    return MODEL.paint(HeadParameters(**settings), SIZE)


def cheeks(regions: np.ndarray) -> np.ndarray:
    """Texels of bare skin beside the nose."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    return (regions == Region.SKIN) & (np.abs(rows - 0.42) < 0.06) & (np.abs(np.abs(columns - 0.5) - 0.10) < 0.04)


def test_tones_grow_darker_in_step_with_the_swatches() -> None:
    def luminance(linear: np.ndarray) -> float:
        return float(linear @ (0.2126, 0.7152, 0.0722))

    ours = [luminance(tone_colour(tone)) for tone in range(1, 11)]
    for k, code in enumerate(MONK):
        srgb = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        theirs = luminance(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))
        assert ours[k] == pytest.approx(0.022 + 0.54 * theirs, rel=1e-6)
    assert tone_colour(4.5) == pytest.approx((tone_colour(4) + tone_colour(5)) / 2)


def bare_skin(regions: np.ndarray) -> np.ndarray:
    """Texels of the learned part of the face without eyes and lips."""
    return np.isin(regions, (Region.SKIN, Region.NOSE)) & (MODEL._painter(SIZE)._learned[..., 0] > 0.9)


@pytest.mark.parametrize("tone", [1.0, 3.5, 7.0, 10.0])
def test_skin_is_the_tone_on_average(tone: float) -> None:
    painted = paint(tone=tone, **BARE)
    skin = painted.albedo[bare_skin(painted.regions)]
    assert np.exp(np.log(skin).mean(0)) == pytest.approx(tone_colour(tone), rel=0.12)


def test_tone_changes_nothing_but_the_skins_colour() -> None:
    light, dark = paint(tone=2.0, **BARE), paint(tone=8.0, **BARE)
    assert np.array_equal(light.regions, dark.regions)
    whole = cheeks(light.regions) & (light.albedo.max(2) < 0.94)  # reflectance ends at 0.95
    assert whole.sum() > 0.9 * cheeks(light.regions).sum()
    ratio = np.log(dark.albedo / light.albedo)[whole]
    assert ratio.std(0).max() < 1e-3  # one factor a channel all over
    eye = np.isin(light.regions, (Region.EYE_WHITE, Region.IRIS, Region.PUPIL, Region.TEETH))
    assert np.array_equal(light.albedo[eye], dark.albedo[eye])
    same = MODEL.shape(HeadParameters(tone=2.0)), MODEL.shape(HeadParameters(tone=8.0))
    assert np.array_equal(same[0].vertices, same[1].vertices)


@pytest.mark.parametrize("component", range(0, N_ALBEDO, 3))
def test_components_change_patterns_and_not_the_tone(component: int) -> None:
    code = np.zeros(N_ALBEDO)
    code[component] = 2.0
    plain, changed = paint(**BARE), paint(albedo=code, **BARE)
    shift = np.log(changed.albedo / plain.albedo)[bare_skin(plain.regions)]
    assert np.abs(shift).max() > 0.02, "the component does something"
    assert np.abs(shift.mean(0)).max() < 0.08
    assert np.array_equal(plain.regions, changed.regions)


def test_every_region_of_a_face_is_there() -> None:
    painted = paint(hair="short")
    assert set(Region) <= set(np.unique(painted.regions))
    assert painted.albedo.dtype == np.float32 and painted.albedo.min() > 0 and painted.albedo.max() < 1
    assert painted.gloss.min() >= 0 and painted.gloss.max() <= 1
    eye = painted.regions == Region.PUPIL
    assert painted.gloss[eye].min() == 1


def test_same_parameters_same_bytes_and_another_seed_another_skin() -> None:
    fresh = HeadModel(dict(np.load(files("nasion.synth") / "head.npz")))
    again = fresh.paint(HeadParameters(seed=5), SIZE)
    assert np.array_equal(paint(seed=5).albedo, again.albedo)
    assert not np.array_equal(paint(seed=5).albedo, paint(seed=6).albedo)


def test_mirrored_paint_is_flipped() -> None:
    head = HeadParameters(seed=3, freckles=0.5, stubble=0.4, wrinkles=0.6, hair="parted")
    own, other = MODEL.paint(head, SIZE), MODEL.paint(MODEL.mirror(head), SIZE)
    face = slice(0, int(0.84 * SIZE))
    off = np.abs(own.albedo[face, ::-1] - other.albedo[face])
    assert off.mean() < 4e-3 and np.percentile(off, 99) < 0.06
    sides = {Region.LEFT_BROW: Region.RIGHT_BROW, Region.LEFT_LIDS: Region.RIGHT_LIDS}
    for left, right in sides.items():
        seen, partner = own.regions[face, ::-1] == left, other.regions[face] == right
        assert (seen & partner).sum() > 0.85 * (seen | partner).sum()


@pytest.mark.parametrize(
    ("name", "region"),
    [("lip_colour", Region.LOWER_LIP), ("eye_shadow", Region.LEFT_LIDS), ("stubble", Region.SKIN),
     ("wrinkles", Region.SKIN), ("freckles", Region.NOSE), ("blush", Region.SKIN), ("brow_weight", Region.LEFT_BROW)],
)  # fmt: skip
def test_each_layer_changes_its_place(name: str, region: Region) -> None:
    low, high = paint(**{**BARE, name: 0.0}), paint(**{**BARE, name: 1.0})
    change = np.abs(np.log(high.albedo / low.albedo)).max(2)
    assert change[low.regions == region].max() > 0.15
    assert change[np.isin(low.regions, (Region.IRIS, Region.TEETH))].max() == 0


def test_paint_follows_what_moves_not() -> None:
    assert paint(expression={12: 1.0}, gaze=((9, 9), (9, 9))) is paint()


def test_atlas_size_is_checked() -> None:
    with pytest.raises(InputError, match=r"64\.\.2048"):
        MODEL.paint(HeadParameters(), 8)


def test_the_model_is_small_and_no_single_person_stands_out() -> None:
    path = files("nasion.synth") / "head.npz"
    data = np.load(path)
    assert len(path.read_bytes()) < 4_000_000
    for name in ("shape_privacy", "skin_privacy"):
        people, participation, error, guess = data[name]
        assert people > 500
        assert participation < 0.05  # nobody carries a component
        # learned from half of the people (of the skin's 40 components, 24 ship): those inside are rebuilt little better
        assert error > 0.7
        assert guess < 0.75
