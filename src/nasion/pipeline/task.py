"""Tasks: what can be read from a face, who needs whom, and in which order they run.

Three steps come first and are no readers: ``detect`` finds the faces, ``landmarks`` places the points, ``eye_points``
places those of irises and lids again from crops of the eyes, for readers that need it: the others see what the
landmarker placed, whoever else is asked. A reader is any object with the four members of `Task`. Other packages add
theirs through the entry-point group ``nasion.tasks``: the entry's name is the task's name, its value a class (or
function) that makes the task when called without arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final, Protocol, TypeAlias, runtime_checkable

from nasion.core import Face, ImageArray, Reading, TaskError

EYES = "eye_points"
STEPS = ("detect", "landmarks", EYES)
ENTRY_POINTS = "nasion.tasks"

_BUILT_IN = {
    "pose": "nasion.pose:HeadPose",
    "eyes": "nasion.eyes:EyeOpenness",
    "eye_state": "nasion.eyes:EyeStateReader",
    "lids": "nasion.eyes:EyeKit",
    "mouth": "nasion.eyes:MouthOpening",
    "gaze": "nasion.gaze:LandmarkGaze",
}

CLIP_TASKS: Final = {"blinks": ("lids", "mouth"), "attention": ("pose",), "expression": ("pose",)}
"""Task of a whole clip (`nasion.pipeline.clip`) to the tasks of a frame that it needs."""


@runtime_checkable
class Task(Protocol):
    """A reader: it looks at all faces of an image at once and says one thing about each.

    One that looks at no pixel may say so with an attribute ``points_only = True``. It is then given the faces of
    several frames of a video at once, and ``image`` is one of them: all have its size.
    """

    @property
    def name(self) -> str:
        """What callers ask for and where the reading lies: ``face.readings[name]``, ``face.<name>``."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the steps and tasks that must come before."""

    @property
    def gives(self) -> type[Reading]:
        """The type of its readings; its fields become columns of the table."""

    def read(self, image: ImageArray, faces: list[Face]) -> Sequence[Reading]:
        """One reading per face, in order. ``image`` is RGB uint8 (H, W, 3); ``faces`` is never empty."""


TaskLike: TypeAlias = str | Task
"""A task's name, or a task itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs for a set of wanted tasks.

    Attributes:
        place: whether points are placed; without it faces keep the detector's five.
        eyes: whether those of the eyes are placed again, once the ``readers`` have run.
        readers: tasks in an order in which each comes after those it needs.
        eye_readers: likewise, those that need eye points.
    """

    place: bool
    eyes: bool
    readers: tuple[Task, ...]
    eye_readers: tuple[Task, ...]


def task_names() -> list[str]:
    """All names that ``tasks=`` takes: the steps, the built-in readers, those of installed packages."""
    found = {entry.name for entry in entry_points(group=ENTRY_POINTS)}
    return [*STEPS, *_BUILT_IN, *sorted(found - set(_BUILT_IN) - set(STEPS))]


def find_task(name: str) -> Task:
    """Make the reader called ``name``.

    Raises:
        TaskError: there is none, or the package that offers it does not load.
    """
    if name in _BUILT_IN:
        module, _, maker = _BUILT_IN[name].partition(":")
        built: Task = getattr(import_module(module), maker)()
        return built
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        try:
            task = entry.load()()
        except Exception as error:
            raise TaskError(f"task {name!r} ({entry.value}) does not load: {type(error).__name__}: {error}") from error
        if not isinstance(task, Task):
            raise TaskError(f"task {name!r} ({entry.value}) lacks name, needs, gives or read; see nasion.pipeline.Task")
        return task
    if name in CLIP_TASKS:
        raise TaskError(f"task {name!r} looks at a whole clip: use nasion video, or nasion.pipeline.clip from Python")
    raise TaskError(f"there is no task {name!r}; there are {', '.join(task_names())}")


def plan_tasks(wanted: Sequence[TaskLike]) -> Plan:
    """Find the wanted tasks and all that they need, each once, and put them in order.

    Args:
        wanted: names or tasks. A task given itself takes the place of a registered one with its name.

    Raises:
        TaskError: nothing is wanted, a task does not exist, or tasks need each other in a circle.
    """
    if isinstance(wanted, str):
        raise TaskError(f"tasks is a sequence of names, such as tasks=({wanted!r},), not one string")
    if not wanted:
        raise TaskError(f"ask for at least one task; there are {', '.join(task_names())}")
    given = {task.name: task for task in wanted if not isinstance(task, str)}
    order: dict[str, Task | None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise TaskError(f"tasks need each other in a circle: {' -> '.join([*path[path.index(name) :], name])}")
        if name in order:
            return
        if name in STEPS:
            order[name] = None
            return
        try:
            task = given.get(name) or find_task(name)
        except TaskError as error:
            raise TaskError(f"{error} (needed by {path[-1]!r})" if path else str(error)) from error
        for need in task.needs:
            visit(need, (*path, name))
        order[name] = task

    for task in wanted:
        visit(task if isinstance(task, str) else task.name, ())
    late = {EYES}  # and readers that need eye points, themselves or through another
    for name, reader in order.items():  # each after all that it needs
        if reader is not None and late & set(reader.needs):
            late.add(name)
    early, eye_readers = (
        tuple(reader for name, reader in order.items() if reader is not None and (name in late) is which)
        for which in (False, True)
    )
    return Plan(EYES in order or "landmarks" in order, EYES in order, early, eye_readers)
