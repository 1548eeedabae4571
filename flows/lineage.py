"""Which code made the numbers: commit, versions, machine."""

import importlib.metadata
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from components.reporting.records import STUDY_SOFTWARE, Software

_REPORTED = (
    "dvc", "great-expectations", "lifelines", "mlflow", "numpy", "pandas", "prefect", "ray",
    "scikit-learn", "scikit-survival", "scipy", "simpleitk", "torch", "torchvision",
)  # fmt: skip


@dataclass(frozen=True)
class Commit:
    """The commit of the clone that runs; None where armwise runs from an installed wheel."""

    sha: str | None
    is_clean: bool


def commit_of_code() -> Commit:
    """The commit that the running code is at, and whether it has changes beside it."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return Commit(None, is_clean=True)
    sha = _git(root, "rev-parse", "HEAD")
    return Commit(
        sha, is_clean=not _git(root, "status", "--porcelain", "--", "flows", "components")
    )


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments
            ["git", "-C", str(root), *arguments],  # noqa: S607  the user's own git
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None


def software() -> tuple[Software, ...]:
    """The versions that a reader asks for, the study's beside them."""
    ours = [Software(name="Python", version=platform.python_version())]
    ours += [
        Software(
            name=name,
            version=importlib.metadata.version(name),
            study_version=STUDY_SOFTWARE.get(name),
        )
        for name in _REPORTED
    ]
    return tuple(ours)


def machine() -> str:
    """Architecture, system and cores, without the machine's name."""
    return f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores"


def package_version() -> str:
    """The version of armwise that runs."""
    return importlib.metadata.version("armwise")
