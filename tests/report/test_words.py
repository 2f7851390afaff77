import pytest

from nasion.core import Pose
from nasion.eyes import Eyes
from nasion.report.words import cells, headings, least_reliable, reading_columns
from scenes import face_at

FACE = (
    face_at(100, 100, 50)
    .with_reading("pose", Pose(0.9, "", 12.34, -0.5, 3.0, (1.0, 2.0, 3.0)))
    .with_reading("eyes", Eyes(0.2, "an eye is hidden", 0.312, float("nan")))
)


def test_plain_numbers_become_columns() -> None:
    columns = reading_columns([face_at(0, 0, 10), FACE])
    assert headings(columns) == ["score", "box (px)", "yaw", "pitch", "roll", "eyes left", "eyes right"]
    assert cells(FACE, columns) == ["0.90", "75 75 125 125", "12.3", "-0.5", "3.0", "0.31", "-"]


def test_without_readings_there_is_score_and_box() -> None:
    assert reading_columns([]) == []
    assert cells(face_at(100, 100, 50), []) == ["0.90", "75 75 125 125"]


def test_the_least_reliable_reading_speaks_for_the_face() -> None:
    assert least_reliable(FACE) == (pytest.approx(0.2), "an eye is hidden")
    assert least_reliable(face_at(0, 0, 10)) == (1.0, "")
