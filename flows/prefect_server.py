"""Where the schedule's Prefect server is, and how this process and its children talk to it.

The server listens on loopback and keeps its database in the study's home. Whoever may talk to it
can have a worker run any command as the user who started that worker; so it asks for a secret that
lies in the home folder and nowhere else.
"""

import os
import secrets
import urllib.error
import urllib.request
from pathlib import Path

from components.errors import PlatformError
from flows.environment import prepare_environment
from flows.settings import Settings

_TIMEOUT_S = 5.0
_SECRET_FILE = "auth"  # noqa: S105  a file's name


def prepare_client(settings: Settings) -> str:
    """Points Prefect's client at the server; its address. Call it before Prefect is imported.

    A server that the user has named in `PREFECT_API_URL` is taken as it is.
    """
    prepare_environment(settings)
    os.environ["PREFECT_SERVER_EPHEMERAL_ENABLED"] = "false"
    own = f"http://{settings.host}:{settings.schedule_port}/api"
    address = os.environ.setdefault("PREFECT_API_URL", own)
    if address == own:
        os.environ.setdefault("PREFECT_API_AUTH_STRING", _secret(settings.home_path))
    return address


def prepare_server(settings: Settings) -> None:
    """What the server itself reads from the environment."""
    home = settings.home_path
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = _secret(home)
    os.environ.setdefault(
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
        f"sqlite+aiosqlite:///{home / 'prefect' / 'server.db'}",
    )


def secret_path(home: Path) -> Path:
    """The file with the words that the server asks for, readable by its owner alone."""
    return home / "prefect" / _SECRET_FILE


def require_server(address: str) -> None:
    """Nothing, once a Prefect server answers.

    Raises:
        PlatformError: None does; the message says how to start one.
    """
    reason = unanswered(address)
    if reason is not None:
        msg = (
            f"expected a Prefect server at {address}: {reason}; start server and worker with "
            "`armwise schedule start` in a terminal of their own"
        )
        raise PlatformError(msg)


def unanswered(address: str) -> str | None:
    """Why no Prefect server answers at the address; None where one does."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=_TIMEOUT_S) as answer:  # noqa: S310  http(s) of our own making
            said: bytes = answer.read(100)
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}"
    except (urllib.error.URLError, TimeoutError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None if said.strip() == b"true" else "something else answers there"


def _secret(home: Path) -> str:
    """Made once for a home; two processes that make it at once agree on the first one's."""
    path = secret_path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"armwise:{secrets.token_urlsafe(24)}")
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8").strip()
