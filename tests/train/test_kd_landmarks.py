"""KD-Loss: what each term does to a single coordinate, and that the stages train what they should."""

from typing import Any

import numpy as np
import pytest

from drawn_crops import drawn_set
from nasion.train import Progress, fit
from nasion.train.data import mean_points
from nasion.train.kd_landmarks import TOLERANT, TOUGH, KDLandmarks
from nasion.train.loop import draw

torch = pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")
net: Any = pytest.importorskip("nasion.train.kd_landmarks_net")


def slope(term: Any, at: float) -> float:
    """The derivative of ``term`` with respect to the student's coordinate."""
    s = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    term(s).sum().backward()
    return float(s.grad)


def number(value: float) -> Any:
    return torch.tensor([value], dtype=torch.float64)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("teacher_side", [1, -1])
@pytest.mark.parametrize(("alpha", "beta"), [TOUGH, TOLERANT])
def test_a_teacher_pulls_from_beyond_pushes_from_between_and_is_silent_near_the_truth(
    side: int, teacher_side: int, alpha: float, beta: float
) -> None:
    """Truth 0, teacher 0.2 on either side: it is reflected to the student's."""

    def term(s: Any) -> Any:
        return net.assist_term(s, number(0), number(0.2 * teacher_side), alpha, beta)

    assert slope(term, 0.3 * side) == pytest.approx(alpha * side)  # descent leads from 0.3 to 0.2
    assert slope(term, 0.1 * side) == pytest.approx(beta * side)  # descent leads from 0.1 to 0
    assert slope(term, 0.02 * side) == 0  # within 15 % of 0.2
    assert alpha > beta


def test_main_term_is_continuous_and_changes_slope_at_the_tolerant_teachers_error() -> None:
    def term(s: Any) -> Any:
        return net.main_term(s, number(0), number(0.2))

    below, above = term(number(0.2 - 1e-12)), term(number(0.2 + 1e-12))
    assert abs(float(below - above)) < 1e-9
    assert slope(term, 0.2 - 1e-6) == pytest.approx(3.0)
    assert slope(term, 0.2 + 1e-6) == pytest.approx(0.4, abs=1e-4)
    assert slope(term, -0.1) == pytest.approx(-3.0)


def test_terms_are_weighted_two_to_one_and_unknown_points_do_not_count() -> None:
    truth, student = torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.3)
    teacher = torch.full((1, 2, 2), 0.2)
    student[0, 1] = 9.0
    terms = net.kd_loss(student, truth, teacher, teacher, torch.tensor([[1.0, 0.0]]))
    assert float(terms["main"]) == pytest.approx(2 * (0.09 + 0.6 - 0.04))
    assert float(terms["tough"]) == pytest.approx(1.9 * 0.1)
    assert float(terms["tolerant"]) == pytest.approx(1.8 * 0.1)


def test_the_tolerant_teacher_learns_smoothed_points() -> None:
    data, recipe = drawn_set(), KDLandmarks(teacher=0.35)
    recipe.prepare(data)
    batch = draw(data, np.arange(8), np.random.default_rng(0))
    soft = recipe.soft(batch)
    moved = (soft - batch.points).norm(dim=-1)
    assert 0 < float(moved.mean()) < 0.05


def test_stages_train_their_part_and_freeze_the_teachers() -> None:
    data, recipe = drawn_set(), KDLandmarks(teacher=0.35)
    recipe.prepare(data)
    assert [(stage.name, stage.trains) for stage in recipe.stages] == [
        ("tough", ("tough",)), ("tolerant", ("tolerant",)), ("student", ("student",)),
    ]  # fmt: skip
    model = recipe.build(5, 32)
    batch = draw(data, np.arange(8), np.random.default_rng(0))
    terms = recipe.loss(model, batch, Progress("student", 0, 0.0))
    sum(terms.values()).backward()
    assert all(p.grad is None for p in model.tough.parameters())
    assert all(p.grad is None for p in model.tolerant.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.student.parameters())


def test_an_untrained_student_says_the_mean_face() -> None:
    data, recipe = drawn_set(), KDLandmarks(distil=False)
    recipe.prepare(data)
    found = recipe.build(5, 32).student(torch.randn(3, 3, 32, 32)).detach()
    np.testing.assert_allclose(found, np.broadcast_to(mean_points(data), found.shape), atol=1e-6)


def test_it_trains() -> None:
    data = drawn_set()
    done = fit(KDLandmarks(teacher=0.35), data, steps=12, strength=0.0)
    assert {row["stage"] for row in done.log} == {"tough", "tolerant", "student"}
    assert KDLandmarks(distil=False).build(5, 32).student is not None
    assert not hasattr(KDLandmarks(distil=False).build(5, 32), "tough")
