"""From pixels to faces with readings: the task graph, the Analyzer, the video runner and the batch runner.

The names below load their modules on first use; models and image libraries come with the first Analyzer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.pipeline.analyzer import Analyzer
    from nasion.pipeline.batch import Outcome, failure, follow_video, run_batch
    from nasion.pipeline.still import analyze
    from nasion.pipeline.task import Task, find_task, task_names
    from nasion.pipeline.threads import prefetch
    from nasion.pipeline.video import run_video

_HOMES = {
    "Analyzer": "analyzer",
    "Outcome": "batch",
    "Task": "task",
    "analyze": "still",
    "failure": "batch",
    "find_task": "task",
    "follow_video": "batch",
    "prefetch": "threads",
    "run_batch": "batch",
    "run_video": "video",
    "task_names": "task",
}

__all__ = [
    "Analyzer",
    "Outcome",
    "Task",
    "analyze",
    "failure",
    "find_task",
    "follow_video",
    "prefetch",
    "run_batch",
    "run_video",
    "task_names",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
