"""Ray on this machine or on a cluster: a session, and a `map` that runs on it."""

import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray._private import ray_constants

from components.errors import PlatformError

T = TypeVar("T")

_log = logging.getLogger(__name__)

_ANSWER_S = 10
_STARTS = 3
_TOO_SLOW = "timed out during startup"
"""Ray waits half a minute for its own node; a busy machine takes longer now and then."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # Tune's own handler ends a search on Ctrl+C as if it were complete.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Ray warns of a change to come unless one of the two behaviors is asked for.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Read by Ray when it starts; what stands in the environment already is left as it is."""

_LONGEST_TEMP_DIR = 45
"""Characters. Ray puts sockets 62 deeper, and a Unix socket's path may have 107."""


@contextlib.contextmanager
def ray_session(
    address: str | None = None,
    *,
    temp_dir: Path,
    num_cpus: int | None = None,
    object_store_mb: int = 1024,
) -> Iterator[None]:
    """Ray for as long as the block runs; it ends with the block and touches no other Ray.

    Args:
        address: Of a running cluster; None starts Ray in processes of our own, which listen on
            loopback alone, without authentication.
        temp_dir: Where our own Ray keeps logs and sockets. Where its path is too long for a Unix
            socket, a folder of the system's own for temporary files is used and removed at the end.
        num_cpus: CPUs of our own Ray; default: all.
        object_store_mb: Memory for shared objects of our own Ray.

    Raises:
        PlatformError: Ray does not start, or the cluster does not answer.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    folder, is_ours = _short_folder(temp_dir)
    try:
        _start(address, folder, num_cpus=num_cpus, object_store_mb=object_store_mb)
        yield
    finally:
        ray.shutdown()
        if is_ours:
            shutil.rmtree(folder, ignore_errors=True)


def _start(
    address: str | None, folder: Path, *, num_cpus: int | None, object_store_mb: int
) -> None:
    if address is not None:
        _require_answer(address)
    for attempt in range(1, _STARTS + 1):
        try:
            _init(address, folder, num_cpus=num_cpus, object_store_mb=object_store_mb)
            return
        except Exception as error:  # a node that comes up too slowly is a bare Exception of Ray's
            ray.shutdown()
            if _TOO_SLOW in str(error) and attempt < _STARTS:
                _log.warning("Ray came up too slowly; started again (%s)", attempt)
                continue
            where = "on this machine" if address is None else f"at {address}"
            msg = f"Ray did not start {where}: {error}; look into {folder}"
            raise PlatformError(msg) from error


def _init(address: str | None, folder: Path, *, num_cpus: int | None, object_store_mb: int) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    # Ray takes the machine's own address for a given 127.0.0.1 and listens on every interface,
    # unless it is told, by this switch meant for other systems, that no node will ever join.
    ray_constants.ENABLE_RAY_CLUSTER = address is not None
    if address is not None:
        ray.init(address, **quiet)
        return
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    ray.init(
        "local",
        include_dashboard=False,
        num_cpus=num_cpus,
        object_store_memory=object_store_mb * 2**20,
        _temp_dir=str(folder),
        _node_ip_address="127.0.0.1",
        **quiet,
    )


def _require_answer(address: str) -> None:
    """Ask a cluster's port ourselves: where nobody answers, Ray ends the whole process.

    Raises:
        PlatformError: Nobody answers.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():  # "auto" and the like, which Ray resolves and refuses itself
        return
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        msg = f"no Ray answers at {address} ({error}); start the cluster or unset its address"
        raise PlatformError(msg) from error


def _short_folder(temp_dir: Path) -> tuple[Path, bool]:
    folder = temp_dir.resolve()
    if len(str(folder)) > _LONGEST_TEMP_DIR:
        return Path(tempfile.mkdtemp(prefix="armwise-")), True
    folder.mkdir(parents=True, exist_ok=True)
    return folder, False


def ray_map(
    function: Callable[..., T],
    *iterables: Iterable[Any],
    num_cpus: float = 1,
    num_gpus: float = 0,
) -> Iterator[T]:
    """`map` on the running Ray session: the same results in the same order.

    An error in a call is raised here as it was raised there. What all calls share, given as
    `itertools.repeat`, is placed in the object store once.

    Args:
        function: Called with one item of each of `iterables`.
        *iterables: As `map` takes them.
        num_cpus: CPUs that a call occupies.
        num_gpus: GPUs, or a share of one, that a call occupies.
    """
    task = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus)(function)
    placed = [_placed_once(items) if isinstance(items, repeat) else items for items in iterables]
    pending = [task.remote(*arguments) for arguments in zip(*placed, strict=False)]
    yield from (ray.get(reference) for reference in pending)


def _placed_once(items: "repeat[Any]") -> Iterator[Any]:
    for item in items:
        return repeat(ray.put(item))
    return iter(())
