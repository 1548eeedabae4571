"""The machine: Python, libraries, disk, memory, cores, GPU, ports."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from components.study.protocol import Protocol
from flows.doctor.finding import Finding, Status, at_least, judged
from flows.doctor.needs import GIB, Needs
from flows.settings import Settings

_LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
_SHOWN = 4
_TEMP_GIB = 1.0
_SHARED_GIB = 1.0
"""Ray's store of shared objects."""

_DRIVERS = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
"""The oldest NVIDIA driver that runs a major version of CUDA."""


def examine_machine(
    settings: Settings, protocol: Protocol | None, needs: Needs | None
) -> Iterator[Finding]:
    """Everything about the machine; what hangs on a protocol only where there is one."""
    yield _python()
    yield _libraries()
    yield _disk("disk, home", settings.home_path, needs.home if needs else 1.0)
    if needs and needs.study > 0:
        yield _disk("disk, data versions", settings.study_path, needs.study)
    yield _disk("disk, temporary", Path(tempfile.gettempdir()), _TEMP_GIB)
    yield _disk("shared memory", Path("/dev/shm"), _SHARED_GIB, advice=_SHM_ADVICE, can_do=True)  # noqa: S108  where Ray keeps objects
    yield _memory(needs.memory if needs else 2.0)
    if protocol is not None:
        yield _cores(settings, protocol)
    yield _gpu()
    yield _port("port, MLflow UI", settings.host, settings.port, "ui")
    yield _port("port, serving", settings.host, settings.serving_port, "serve")


_SHM_ADVICE = "Ray then uses the disk, which is slower; in a container give --shm-size=2g"


def _python() -> Finding:
    wanted = importlib.metadata.metadata("armwise")["Requires-Python"]
    version = platform.python_version()
    status: Status = "ok" if SpecifierSet(wanted).contains(version) else "missing"
    advice = "make the environment with that Python"
    return judged("Python", status, expected=wanted, found=version, advice=advice)


def _libraries() -> Finding:
    """Missing: what armwise itself asks for. A warning: other versions than the locked ones."""
    unmet = [text for text in map(_unmet, importlib.metadata.requires("armwise") or []) if text]
    if unmet:
        return judged(
            "libraries", "missing", expected="what armwise asks for", found=_listed(unmet),
            advice="install armwise again into an environment of its own",
        )  # fmt: skip
    locked = _locked_versions()
    other = [
        f"{name} {found}, locked {wanted}"
        for name, wanted in locked.items()
        if (found := _installed(name)) not in {None, wanted}
    ]
    advice = "figures may differ in their last digits from those of the locked versions"
    if other:
        return judged(
            "libraries", "warning", expected=f"the {len(locked)} locked versions",
            found=_listed(other), advice=advice,
        )  # fmt: skip
    return judged("libraries", "ok", expected="the locked versions", found=f"{len(locked)} equal")


def _unmet(line: str) -> str | None:
    wanted = Requirement(line)
    if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
        return None
    found = _installed(wanted.name)
    if found is None:
        return f"no {wanted.name}"
    if not wanted.specifier.contains(found, prereleases=True):
        return f"{wanted.name} {found}, asked for {wanted.specifier}"
    return None


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _locked_versions() -> dict[str, str]:
    lines = _LOCK.read_text(encoding="utf-8").splitlines()
    pairs = [re.match(r"([A-Za-z0-9_.\-]+)(?:\[[^\]]*\])?==([^\s;]+)", line) for line in lines]
    return {found[1]: found[2] for found in pairs if found}


def _listed(said: list[str]) -> str:
    more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more


def _disk(
    name: str, folder: Path, needed: float, *, advice: str | None = None, can_do: bool = False
) -> Finding:
    """Free space where a folder is or will be; twice the need is better."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free / GIB
    said = advice or f"free space in {there}, or run `armwise prune`, or set ARMWISE_HOME elsewhere"
    least = 0.0 if can_do else needed
    return at_least(name, free, least=least, good=max(needed, 2 * least), unit="GiB", advice=said)


def _memory(good: float) -> Finding:
    available = psutil.virtual_memory().available / GIB
    limit = _container_limit()
    found = available if limit is None else min(available, limit)
    advice = "end other programs, or let fewer trials run side by side (search.cpus_per_trial)"
    return at_least("memory", found, least=2.0, good=good, unit="GiB", advice=advice)


def _container_limit() -> float | None:
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return None if limit == "max" else int(limit) / GIB


def _cores(settings: Settings, protocol: Protocol) -> Finding:
    wanted = protocol.search.cpus_per_trial
    if settings.ray_address is not None:
        return judged("cores", "ok", expected=f"{wanted:g} a trial", found="the cluster's")
    there = len(os.sched_getaffinity(0))
    used = settings.cpus or there
    advice = "no trial could ever begin: lower search.cpus_per_trial and threads_per_trial"
    status: Status = "missing" if used < wanted else "warning" if used > there else "ok"
    if status == "warning":
        advice = f"ARMWISE_CPUS is above the {there} cores that there are"
    return judged(
        "cores", status, expected=f"at least {wanted:g}, for one trial", found=str(used),
        advice=advice,
    )  # fmt: skip


def _gpu() -> Finding:
    """The kernel's driver against the CUDA that torch was built for; torch is not imported."""
    built = _torch_cuda()
    if not Path("/dev/nvidiactl").exists():
        return judged("GPU", "ok", expected="none needed", found="none; networks train on the CPU")
    if built is None:
        return judged(
            "GPU", "warning", expected="a torch built for CUDA", found="a torch for the CPU alone",
            advice="install the CUDA build of torch, or the GPU stays unused",
        )  # fmt: skip
    driver = _driver()
    oldest = _DRIVERS.get(int(built.split(".")[0]), (0, 0))
    found = f"driver {'.'.join(map(str, driver)) if driver else 'unknown'}, torch for CUDA {built}"
    status: Status = "ok" if driver and driver >= oldest else "warning"
    return judged(
        "GPU", status, expected=f"driver {oldest[0]}.{oldest[1]} or later", found=found,
        advice="update NVIDIA's driver; until then networks train on the CPU",
    )  # fmt: skip


def _torch_cuda() -> str | None:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda[^=]*=\s*'([\d.]+)'", text, re.MULTILINE)
    return found[1] if found else None


def _driver() -> tuple[int, int] | None:
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"\s(\d+)\.(\d+)(?:\.\d+)?\s", text)
    return (int(found[1]), int(found[2])) if found else None


def _port(name: str, host: str, port: int, command: str) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return judged(
                name, "warning", expected=f"{host}:{port} free",
                found=f"taken{_listener(port)} ({error.strerror})",
                advice=f"end it, or `armwise {command} --port N`",
            )  # fmt: skip
    return judged(name, "ok", expected=f"{host}:{port} free", found="free")


def _listener(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    try:
        found = [c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port]
        pid = next((c.pid for c in found if c.status == psutil.CONN_LISTEN and c.pid), None)
        return f" by {psutil.Process(pid).name()} (process {pid})" if pid else ""
    except psutil.Error:
        return ""
