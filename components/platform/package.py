"""The running installation of armwise as a wheel, to lie beside the models that it made."""

import base64
import hashlib
import importlib.util
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from components.errors import PlatformError

DISTRIBUTION = "armwise"
PACKAGES = ("components", "flows")

_KEPT_METADATA = ("METADATA", "entry_points.txt")
_WHEEL = "Wheel-Version: 1.0\nGenerator: armwise\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_wheel(folder: Path) -> Path:
    """Write a wheel of the installed packages and return its path.

    The same code gives the same bytes: members are sorted and dated 1980. It works from an
    editable clone and from an installed wheel alike.

    Args:
        folder: Where the wheel is written.

    Raises:
        PlatformError: armwise is not installed in this environment.
    """
    installed = _installed()
    stem = f"{DISTRIBUTION}-{installed.version}"
    members = {**_package_files(), **_metadata(installed, f"{stem}.dist-info")}
    record = f"{stem}.dist-info/RECORD"
    members[record] = _record(members, record)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as wheel:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, members[name])
    return path


def installed_version() -> str:
    """The version of the running installation.

    Raises:
        PlatformError: armwise is not installed in this environment.
    """
    return str(_installed().version)


def _installed() -> Distribution:
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        msg = (
            "expected armwise to be installed in this environment, found its code alone; "
            "run `pip install -e .` in the clone, or `make retrain`, which does"
        )
        raise PlatformError(msg) from None


def _package_files() -> dict[str, bytes]:
    members = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            msg = f"expected the package '{package}' beside armwise, found none; install it again"
            raise PlatformError(msg)
        root = Path(spec.origin).parent
        for path in root.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                members[f"{package}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    return members


def _metadata(installed: Distribution, folder: str) -> dict[str, bytes]:
    kept = {name: installed.read_text(name) for name in _KEPT_METADATA}
    members = {f"{folder}/{name}": text.encode() for name, text in kept.items() if text}
    members[f"{folder}/WHEEL"] = _WHEEL.encode()
    for file in installed.files or ():
        if "licenses" in file.parts and file.parts[0].endswith(".dist-info"):
            inside = "/".join(file.parts[1:])
            members[f"{folder}/{inside}"] = Path(str(file.locate())).read_bytes()
    return members


def _record(members: dict[str, bytes], record: str) -> bytes:
    lines = []
    for name in sorted(members):
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(members[name])}")
    return ("\n".join([*lines, f"{record},,"]) + "\n").encode()
