"""Keys of steps: a step whose key is known has been done, with this code and these inputs.

A key covers the step's own module and all of `components` that it imports, followed through the
source files, the libraries' versions, the kind of device, the protocol's sections that the step
reads, and the keys of the steps before it. Computed without importing any of that code. What else
lies in `flows` is wiring and display: it cannot change a number.
"""

import ast
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_FOLLOWED = "components"
_NUMERIC_LIBRARIES = (
    "captum", "lifelines", "mirp", "numba", "numpy", "pandas", "ray", "scikit-learn",
    "scikit-survival", "scipy", "simpleitk", "torch", "torchvision",
)  # fmt: skip


def digest(*parts: object) -> str:
    """The first 16 digits of the SHA-256 of JSON values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def step_key(
    module: str, *, protocol: str, inputs: Sequence[str], extra: Sequence[str] = ()
) -> str:
    """The key of a step: its module, its sections' hash, the keys of the steps before it."""
    return digest(source_hash(module), machine_kind(), protocol, list(inputs), list(extra))


@cache
def machine_kind() -> str:
    """Library versions, architecture and device kind: within these, numbers are equal."""
    versions = [f"{name}={importlib.metadata.version(name)}" for name in _NUMERIC_LIBRARIES]
    device = "cuda" if Path("/dev/nvidiactl").exists() else "cpu"
    return digest(versions, platform.machine(), device)


@cache
def source_hash(module: str) -> str:
    """The hash of a module's source and of all `components` that it imports, however deep."""
    found: set[Path] = set()
    waiting = [_file_of(module)]
    while waiting:
        path = waiting.pop()
        if path is None or path in found:
            continue
        found.add(path)
        waiting.extend(_file_of(name) for name in _imports(path))
    folders = {path.parent for path in found if _FOLLOWED in path.parts}
    found |= {other for folder in folders for other in _package_data(folder)}
    contents = [
        (str(path.relative_to(_ROOT)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(found)
    ]
    return digest(contents)


def _imports(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return [name for name in names if name.split(".")[0] == _FOLLOWED]


def _file_of(module: str) -> Path | None:
    base = _ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _package_data(folder: Path) -> list[Path]:
    """Templates and the like beside a module; other packages and compiled code left out."""
    inner = [
        entry
        for entry in folder.iterdir()
        if entry.name != "__pycache__" and not (entry / "__init__.py").exists()
    ]
    files = [path for entry in inner for path in (entry, *entry.rglob("*"))]
    return [path for path in files if path.is_file() and path.suffix not in {".py", ".pyc"}]
