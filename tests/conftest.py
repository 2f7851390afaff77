"""Pictures every test may ask for: two real photos that come with our dependencies, and the shared data where it is."""

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from nasion.core import ImageArray

# the same examples in every run, and no test of how long one takes
settings.register_profile("nasion", deadline=None, derandomize=True)
settings.load_profile("nasion")

# a shell that starts the tests in the background has them ignore Ctrl-C, and some of them test just that
signal.signal(signal.SIGINT, signal.default_int_handler)

CHECKOUT = Path(__file__).resolve().parents[1]


def shared_data(name: str = "") -> Path:
    """The folder (or file) ``name`` of the shared data; the test is skipped where it is absent.

    The data are looked for in ``NASION_DATA``, else in ``../shared/data`` beside the checkout.
    """
    home = Path(os.environ.get("NASION_DATA") or CHECKOUT.parent / "shared" / "data")
    path = home / name
    if not path.exists():
        pytest.skip(f"shared data absent: {path} does not exist; NASION_DATA may name another folder")
    return path


@pytest.fixture
def shared_models(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of optional models, where the store then looks, too; skips where it is absent.

    Looked for in ``NASION_MODELS``, else in ``../shared/models`` beside the checkout.
    """
    home = Path(os.environ.get("NASION_MODELS") or CHECKOUT.parent / "shared" / "models")
    if not home.is_dir():
        pytest.skip(f"shared data absent: {home} does not exist; NASION_MODELS may name another folder")
    monkeypatch.setenv("NASION_MODELS", str(home))
    return home


def packaged_file(package: str, inside: str) -> Path:
    """A file that an installed package brings, found without importing the package."""
    spec = find_spec(package)
    assert spec is not None, f"{package} comes with the extra `dev`: pip install -e '.[dev]'"
    assert spec.origin is not None
    return Path(spec.origin).parent / inside


def rgb(path: Path) -> ImageArray:
    """A picture as RGB uint8 (H, W, 3), read without any code of ours."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """Eileen Collins, 512x512, one frontal face (scikit-image)."""
    return packaged_file("skimage", "data/astronaut.png")


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper, 512x606, one face (matplotlib)."""
    return packaged_file("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


@pytest.fixture
def astronaut(astronaut_path: Path) -> ImageArray:
    return rgb(astronaut_path)


@pytest.fixture
def hopper(hopper_path: Path) -> ImageArray:
    return rgb(hopper_path)


@pytest.fixture(scope="session")
def data() -> Path:
    """The shared data folder; skips where it is absent. For one part of it call ``shared_data("landmarks68")``."""
    return shared_data()
