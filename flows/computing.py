"""Ray within a run: started for as long as a step needs it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from components.platform.compute import ray_session
from flows.settings import Settings
from flows.terminal import current_display


@contextmanager
def ray_of_run(settings: Settings) -> Iterator[None]:
    """Ray where the settings say; its start and its end are counted."""
    display = current_display()
    with ExitStack() as stack:
        with display.platform("Ray"):
            session = ray_session(
                settings.ray_address,
                temp_dir=settings.home_path / "ray",
                num_cpus=settings.cpus,
            )
            stack.enter_context(session)
        yield
        with display.platform("Ray"):
            stack.close()
