"""Ctrl+C ends a run within seconds, whatever a platform is still waiting for."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

_PATIENCE_S = 20.0


@contextmanager
def closed_in_time(close: Callable[[], None]) -> Iterator[None]:
    """Lets `close` end the process where Ctrl+C has not ended it after some seconds.

    The signal interrupts the run as ever. But Prefect's server has got the same signal, and
    Prefect's engine goes on asking it, event by event, before it lets the run's own code know.
    A transaction of a database is finished first: one that is cut short keeps SQLite locked, and
    the run could not be closed.

    Args:
        close: Closes what is open and ends the process; called in a thread of its own.
    """
    default = signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not default:
        yield
        return
    with _transactions() as transactions:

        def interrupt(number: int, frame: FrameType | None) -> None:
            late = threading.Timer(_PATIENCE_S, close)
            late.daemon = True
            late.start()
            if not transactions.put_off():
                default(number, frame)

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, default)


class _Transactions:
    """The database connections that the main thread has in use, and a Ctrl+C that waits for them.

    The second Ctrl+C waits for nothing.
    """

    def __init__(self) -> None:
        self._in_use: set[int] = set()
        self._is_put_off = False

    def put_off(self) -> bool:
        """Whether the interrupt comes again by itself when the connections are given back."""
        self._is_put_off = bool(self._in_use) and not self._is_put_off
        return self._is_put_off

    def taken(self, _connection: Any, record: Any, _fairy: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            self._in_use.add(id(record))

    def given_back(self, _connection: Any, record: Any) -> None:
        self._in_use.discard(id(record))
        if self._is_put_off and not self._in_use:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _transactions() -> Iterator[_Transactions]:
    transactions = _Transactions()
    event.listen(Pool, "checkout", transactions.taken)
    event.listen(Pool, "checkin", transactions.given_back)
    try:
        yield transactions
    finally:
        event.remove(Pool, "checkout", transactions.taken)
        event.remove(Pool, "checkin", transactions.given_back)
