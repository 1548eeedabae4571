"""What a GPU says of itself while it works, by nvidia-smi."""

import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import Self

_EVERY_MS = 100


@dataclass(frozen=True)
class Usage:
    """The share of time in which kernels ran, in percent, and the largest memory in GiB."""

    utilization: float
    memory: float

    def text(self) -> str:
        """For a table."""
        return f"{self.utilization:.0f}%, {self.memory:.1f} GiB"


class GpuWatch:
    """Watches the first GPU while its block runs; `usage` is None where nothing could be read."""

    def __init__(self, device: str) -> None:
        self._is_there = device == "cuda" and shutil.which("nvidia-smi") is not None
        self.usage: Usage | None = None

    def __enter__(self) -> Self:
        if self._is_there:
            asked = "--query-gpu=utilization.gpu,memory.used"
            command = ["nvidia-smi", asked, "--format=csv,noheader,nounits", "-i", "0"]
            self._process = subprocess.Popen(
                [*command, "-lms", str(_EVERY_MS)], stdout=subprocess.PIPE, text=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_there:
            return
        time.sleep(2 * _EVERY_MS / 1e3)
        self._process.terminate()
        said, _ = self._process.communicate(timeout=10)
        rows = [line.split(",") for line in said.splitlines() if line.count(",") == 1]
        pairs = [(float(share), float(used)) for share, used in rows if share.strip().isdigit()]
        if pairs:
            shares, used = zip(*pairs, strict=True)
            self.usage = Usage(statistics.mean(shares), max(used) / 1024)


def said_by(watch: GpuWatch) -> str:
    """What was seen, for a table."""
    return watch.usage.text() if watch.usage else "not measured"
