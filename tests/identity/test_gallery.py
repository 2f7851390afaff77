"""The gallery: open-set rule, cap, merge question, and files that hold nobody who was deleted."""

import stat
from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, MediaError
from nasion.identity import Gallery, Votes, calibrate, farthest_points
from nasion.identity.gallery import MARGIN, MOST
from nasion.identity.matching import person_scores

D = 64


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def views(rng: np.random.Generator, count: int, middle: np.ndarray, spread: float = 0.6) -> np.ndarray:
    """(count, D) vectors around a person's middle; the spread is the length of what is added to it."""
    return unit(middle + spread * unit(rng.normal(size=(count, D))))


@pytest.fixture
def people() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: views(rng, 6, unit(rng.normal(size=D))) for name in ("Anna", "Ben", "Carla")}


@pytest.fixture
def gallery(tmp_path: Path, people) -> Gallery:
    made = Gallery(tmp_path / "people.npz", model="net")
    for name, own in people.items():
        made.enrol(name, own[:4])
    return made


def test_the_enrolled_are_named_and_strangers_are_not(gallery, people) -> None:
    rng = np.random.default_rng(1)
    for name, own in people.items():
        assert [gallery.identify(v).name for v in own[4:]] == [name, name]
    strangers = [gallery.identify(unit(rng.normal(size=D))) for _ in range(200)]
    assert {match.name for match in strangers} == {""}
    assert {match.nearest for match in strangers} <= set(people)
    assert Gallery().identify(people["Anna"][0]).name == ""  # nobody enrolled: everybody is unknown


def test_a_match_needs_the_score_and_a_margin_to_the_second() -> None:
    a, b = unit(np.eye(D)[0]), unit(np.eye(D)[1])
    both = Gallery()
    both.enrol("A", a[None])
    both.enrol("B", b[None])
    between = unit(np.array([1.0, 1.0 - MARGIN / 2, *np.zeros(D - 2)]))
    clear = unit(np.array([1.0, 0.7, *np.zeros(D - 2)]))
    assert both.identify(between).score > both.tau and both.identify(between).name == ""
    assert both.identify(clear).name == "A"
    both.set_tau(0.95)
    assert both.identify(clear).name == ""


def test_the_second_enrolment_of_a_person_is_noticed(gallery, people) -> None:
    assert [gallery.like(own[4:]) for own in people.values()] == list(people)
    rng = np.random.default_rng(2)
    assert gallery.like(views(rng, 5, unit(rng.normal(size=D)))) == ""
    with pytest.raises(InputError, match="name is taken"):
        gallery.enrol("Anna", people["Anna"])
    assert gallery.enrol("Anna", people["Anna"][4:], merge=True) == 6
    with pytest.raises(InputError, match="nobody of that name"):
        gallery.enrol("Dora", people["Anna"], merge=True)


def test_at_most_twenty_views_and_the_most_different_ones() -> None:
    rng = np.random.default_rng(3)
    middle = unit(rng.normal(size=D))
    common, rare = views(rng, 60, middle, 0.1), views(rng, 5, middle, 1.2)
    gallery = Gallery()
    gallery.enrol("Anna", common[:30])
    assert gallery.enrol("Anna", np.concatenate([common[30:], rare]), merge=True) == MOST
    scores = person_scores(rare, [gallery._people["Anna"]])
    assert scores.min() > 0.999  # none of the rare ones was dropped for one more of the common
    assert len(farthest_points(common, 100)) == 60


def test_deleting_removes_every_vector_from_every_file(gallery, people, tmp_path) -> None:
    def found(name: str) -> int:
        held = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        return sum(v.tobytes() in data for v in people[name][:4] for data in held)

    assert found("Anna") == found("Ben") == 4
    gallery.delete("Anna")
    assert found("Anna") == 0 and found("Ben") == 4
    assert [path.name for path in tmp_path.iterdir()] == ["people.npz"]  # nothing half written stays behind
    assert "Anna".encode("utf-32-le") not in (tmp_path / "people.npz").read_bytes()
    again = Gallery(tmp_path / "people.npz")
    assert all(again.identify(v).name != "Anna" for v in people["Anna"])
    with pytest.raises(InputError, match="enrolled: Ben, Carla"):
        gallery.delete("Anna")


def test_the_file_reads_back_and_is_the_owners_alone(gallery, people, tmp_path) -> None:
    gallery.set_tau(0.6)
    again = Gallery(tmp_path / "people.npz", model="net")
    assert again.counts == {"Anna": 4, "Ben": 4, "Carla": 4} and again.tau == 0.6
    assert again.identify(people["Ben"][5]) == gallery.identify(people["Ben"][5])
    assert stat.S_IMODE((tmp_path / "people.npz").stat().st_mode) == 0o600
    with pytest.raises(InputError, match="made with the network 'net'"):
        Gallery(tmp_path / "people.npz", model="other")


def test_a_failed_write_leaves_the_old_file(gallery, people, tmp_path, monkeypatch) -> None:
    before = (tmp_path / "people.npz").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(MediaError, match="no space left"):
        gallery.delete("Ben")
    assert (tmp_path / "people.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["people.npz"]


def test_damaged_files_are_refused_and_no_pickle_is_loaded(tmp_path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(MediaError, match="no gallery"):
        Gallery(tmp_path / "bad.npz")
    arrays = {"version": 1, "model": "", "tau": 0.5, "counts": np.array([1]), "vectors": np.zeros((1, 2))}
    np.savez(tmp_path / "evil.npz", names=np.array([object()]), **arrays)
    with pytest.raises(MediaError, match="no gallery"):
        Gallery(tmp_path / "evil.npz")
    np.savez(tmp_path / "short.npz", names=np.array(["A"]), **{**arrays, "counts": np.array([4])})
    with pytest.raises(MediaError, match="another version"):
        Gallery(tmp_path / "short.npz")


@pytest.mark.parametrize(
    ("name", "vectors", "message"),
    [
        ("  ", np.eye(2), "1 to 80 printable"),
        ("a\nb\x07", np.eye(2), "1 to 80 printable"),
        ("A", np.zeros((0, 2)), "finite vectors"),
        ("A", np.array([[np.nan, 1]]), "finite vectors"),
    ],
)
def test_what_cannot_be_enrolled_is_refused(name: str, vectors: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gallery().enrol(name, vectors)


def test_the_threshold_keeps_the_rate_on_people_it_has_not_seen() -> None:
    rng = np.random.default_rng(4)

    def crowd(count: int) -> dict[str, np.ndarray]:
        return {str(i): views(rng, 5, unit(rng.normal(size=D))) for i in range(count)}

    tau, comparisons = calibrate(crowd(60), 1e-3)
    assert comparisons == 60 * 59 * 5
    others = crowd(60)
    scores = np.concatenate([
        person_scores(v, [o[:3] for k, o in others.items() if k != name]).ravel() for name, v in others.items()
    ])  # fmt: skip
    assert 2e-4 < (scores >= tau).mean() < 4e-3
    with pytest.raises(InputError, match="more people"):
        calibrate(crowd(3), 1e-3)


def test_three_of_five_frames_decide() -> None:
    votes = Votes()
    told = [votes.add(1, name, i / 4) for i, name in enumerate(["Anna", "", "Anna", "Ben", "Anna", "", "", ""])]
    assert told == [None, None, None, None, "Anna", None, None, ""]
    assert votes.add(2, "Anna", 2.0) is None  # tracks vote for themselves
    votes.add(3, "Anna", 60.0)
    assert votes.add(1, "Anna", 60.1) is None  # what was long ago is forgotten
