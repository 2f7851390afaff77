import numpy as np

from nasion.track import match_faces, without_duplicates
from scenes import face_at


def test_the_cheapest_pairing_is_found_not_the_greediest() -> None:
    known = [face_at(100, 100, 100), face_at(150, 100, 100)]
    found = [face_at(140, 100, 100), face_at(200, 100, 100)]
    # greedily, 150 would take 140 and leave 100 with 200
    assert match_faces(known, found, np.full(2, 2.0)) == [(0, 0), (1, 1)]


def test_nobody_is_paired_beyond_reach() -> None:
    assert match_faces([face_at(0, 0, 100)], [face_at(120, 0, 100)], np.array([1.0])) == []
    assert match_faces([face_at(0, 0, 100)], [face_at(120, 0, 100)], np.array([1.5])) == [(0, 0)]


def test_nobody_is_paired_with_a_face_of_another_size() -> None:
    assert match_faces([face_at(0, 0, 100)], [face_at(0, 0, 210)], np.array([1.0])) == []


def test_the_way_a_head_is_turned_decides_between_two_equally_near() -> None:
    known = [face_at(100, 100, 100, turn=1), face_at(100, 100, 100, turn=-1)]
    found = [face_at(100, 100, 100, turn=-0.9), face_at(100, 100, 100, turn=0.9)]
    assert match_faces(known, found, np.ones(2)) == [(0, 1), (1, 0)]


def test_nobody_to_pair() -> None:
    assert match_faces([], [face_at(0, 0, 10)], np.zeros(0)) == []
    assert match_faces([face_at(0, 0, 10)], [], np.ones(1)) == []


def test_of_faces_on_one_face_the_first_stays() -> None:
    first, other = face_at(0, 0, 100), face_at(200, 0, 100)
    assert without_duplicates([first, face_at(10, 0, 100), other, face_at(205, 5, 100)]) == [first, other]


def test_neighbours_and_a_small_face_before_a_large_one_are_no_duplicates() -> None:
    apart = [face_at(0, 0, 100), face_at(30, 0, 100), face_at(0, 0, 300)]
    assert without_duplicates(apart) == apart
