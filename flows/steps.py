"""How a step is run: once for a key, checked against what its result points to."""

from collections.abc import Callable
from typing import Any

from prefect import Task, task
from prefect.context import TaskRunContext

from components.study.results import ArtifactRef
from flows.terminal import current_display

Result = dict[str, Any]


def _recorded_key(_: TaskRunContext, parameters: dict[str, Any]) -> str:
    return f"armwise-{parameters['step']}-{parameters['key']}"


def step_task(function: Callable[..., Result]) -> Task[..., Result]:
    """A Prefect task whose JSON result is kept under the step's key.

    The function takes `step` and `key` first; both are the plan's.
    """
    decorate = task(
        name=function.__name__.replace("_", "-"),
        cache_key_fn=_recorded_key,
        persist_result=True,
        result_serializer="json",
        cache_result_in_memory=False,
    )
    return decorate(function)


def run_step(
    step: Task[..., Result],
    *,
    name: str,
    key: str,
    fresh: bool = False,
    vanished: Callable[[Result], list[str]] | None = None,
    **inputs: Any,
) -> tuple[Result, bool]:
    """The step's result, and whether it was already there.

    A recorded result is taken only while all that it points to exists: its files, and what
    `vanished` finds missing elsewhere (a registry's versions, say). Otherwise, and where `fresh`
    asks for it, the step runs again. A record that was cut off while it was written is none.
    """
    if fresh:
        step = step.with_options(refresh_cache=True)
    state = step(step=name, key=key, **inputs, return_state=True)
    result: Result = state.result()
    if state.name != "Cached":
        return result, False
    missing = absent_files(result) + (vanished(result) if vanished else [])
    if not missing:
        return result, True
    current_display().console.print(f"    made again, since it has vanished: {missing[0]}")
    state = step.with_options(refresh_cache=True)(step=name, key=key, **inputs, return_state=True)
    result = state.result()
    return result, False


def absent_files(value: Any) -> list[str]:
    """The files that a JSON value refers to and that are not there any more."""
    if isinstance(value, dict):
        if set(value) == {"path", "sha256", "n_bytes"}:
            return [] if ArtifactRef.model_validate(value).exists() else [value["path"]]
        return [path for part in value.values() for path in absent_files(part)]
    if isinstance(value, list):
        return [path for part in value for path in absent_files(part)]
    return []
