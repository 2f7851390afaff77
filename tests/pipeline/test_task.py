from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from nasion.core import Face, ImageArray, Reading, TaskError
from nasion.eyes import EyeOpenness
from nasion.pipeline import Task, find_task, task_names
from nasion.pipeline import task as module
from nasion.pipeline.task import plan_tasks


@dataclass
class Reader:
    name: str
    needs: tuple[str, ...] = ()
    gives: type[Reading] = Reading

    def read(self, image: ImageArray, faces: list[Face]) -> list[Reading]:
        return [Reading(1.0, "") for _ in faces]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes entry points appear, as an installed package's would."""
    entries: dict[str, EntryPoint] = {}

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == "nasion.tasks"
        return [entry for key, entry in entries.items() if name in (None, key)]

    monkeypatch.setattr(module, "entry_points", entry_points)

    def add(name: str, value: str) -> None:
        entries[name] = EntryPoint(name, value, "nasion.tasks")

    return add


def names(plan: module.Plan) -> list[str]:
    return [task.name for task in plan.readers]


def test_the_detector_alone_is_a_plan_without_points() -> None:
    plan = plan_tasks(["detect"])
    assert not plan.place
    assert plan.readers == ()


def test_a_reader_brings_what_it_needs_and_nothing_else() -> None:
    plan = plan_tasks(["eyes"])
    assert plan.place
    assert names(plan) == ["eyes"]


def test_those_who_are_needed_come_first_and_once() -> None:
    a, b, c = Reader("a", ("b", "c")), Reader("b", ("c", "landmarks")), Reader("c", ("detect",))
    for wanted in ([a, b, c], [c, b, a], [b, a, c]):
        assert names(plan_tasks(wanted)) == ["c", "b", "a"]


def test_a_reader_that_needs_no_points_gets_none() -> None:
    assert not plan_tasks([Reader("quick", ("detect",))]).place


def test_a_task_given_itself_replaces_the_registered_one() -> None:
    mine = Reader("eyes")
    assert plan_tasks([mine]).readers == (mine,)


def test_an_unknown_task_is_named_with_those_that_exist() -> None:
    with pytest.raises(TaskError, match=r"no task 'gase'; there are detect, landmarks, eye_points, pose, eyes"):
        plan_tasks(["landmarks", "gase"])


def test_an_unknown_need_says_who_needs_it() -> None:
    with pytest.raises(TaskError, match=r"no task 'ears'.*\(needed by 'smile'\)"):
        plan_tasks([Reader("smile", ("ears",))])


def test_a_circle_is_shown_whole() -> None:
    ring = [Reader("a", ("b",)), Reader("b", ("c",)), Reader("c", ("a",))]
    with pytest.raises(TaskError, match="in a circle: a -> b -> c -> a"):
        plan_tasks(ring)


def test_readers_of_eye_points_run_after_all_others() -> None:
    """Whoever does not need them sees what the landmarker placed, whatever else is asked for."""
    gaze, plot = Reader("look", ("eye_points", "size")), Reader("plot", ("look",))
    size, lids = Reader("size", ("landmarks",)), Reader("shut", ("landmarks",))
    plan = plan_tasks([plot, gaze, lids, size])
    assert plan.eyes
    assert names(plan) == ["size", "shut"]
    assert [task.name for task in plan.eye_readers] == ["look", "plot"]
    assert not plan_tasks([lids, size]).eyes


@pytest.mark.parametrize(("wanted", "words"), [("pose", "not one string"), ([], "at least one task")])
def test_what_is_no_list_of_tasks_is_refused(wanted: list[str], words: str) -> None:
    with pytest.raises(TaskError, match=words):
        plan_tasks(wanted)


def test_built_in_readers_are_tasks() -> None:
    for name in ("pose", "eyes"):
        task = find_task(name)
        assert isinstance(task, Task)
        assert task.name == name
        assert issubclass(task.gives, Reading)


def test_other_packages_add_tasks(installed: Callable[..., None]) -> None:
    installed("blink", "nasion.eyes:EyeOpenness")
    built_in = ["pose", "eyes", "eye_state", "lids", "mouth", "gaze"]
    assert task_names() == ["detect", "landmarks", "eye_points", *built_in, "blink"]
    assert isinstance(find_task("blink"), EyeOpenness)


def test_a_package_that_does_not_load_is_named(installed: Callable[..., None]) -> None:
    installed("smile", "no_such_package:Smile")
    with pytest.raises(TaskError, match=r"'smile' \(no_such_package:Smile\) does not load: ModuleNotFoundError"):
        find_task("smile")


def test_a_package_whose_task_is_none_is_named(installed: Callable[..., None]) -> None:
    installed("smile", "builtins:dict")
    with pytest.raises(TaskError, match="lacks name, needs, gives or read"):
        find_task("smile")
