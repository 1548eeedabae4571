"""Ctrl+C ends a run within seconds, whatever a platform is still waiting for."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_PATIENCE_S = 20.0


@contextmanager
def closed_in_time(close: Callable[[], None]) -> Iterator[None]:
    """Lets `close` end the process where Ctrl+C has not ended it after some seconds.

    The signal interrupts the run as ever. But Prefect's server has got the same signal, and
    Prefect's engine goes on asking it, event by event, before it lets the run's own code know.

    Args:
        close: Closes what is open and ends the process; called in a thread of its own.
    """
    default = signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not default:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        late = threading.Timer(_PATIENCE_S, close)
        late.daemon = True
        late.start()
        default(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, default)
