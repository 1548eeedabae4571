"""A cluster of several real nodes on this machine, each of which can be killed by its process."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

RAY = Path(sys.executable).with_name("ray")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@dataclass
class Cluster:
    """`nodes` are the processes that `ray start --block` runs in, the head's first."""

    address: str
    nodes: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)

    def start(self, *arguments):
        log = Path(self.environment["RAY_LOGS"]) / f"node-{len(self.nodes)}.log"
        with log.open("w") as output:
            node = subprocess.Popen(
                [
                    RAY,
                    "start",
                    "--block",
                    "--node-ip-address=127.0.0.1",
                    "--num-cpus=1",
                    f"--dashboard-agent-listen-port={free_port()}",
                    "--disable-usage-stats",
                    f"--object-store-memory={100 * 2**20}",
                    *arguments,
                ],
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.nodes.append(psutil.Process(node.pid))
        return self.nodes[-1], log

    def join(self, tries=4):
        """Another node; Ray gives one half a minute to come up, which a busy machine may need."""
        for _ in range(tries):
            node, log = self.start(f"--address={self.address}")
            wait_for(lambda n=node, text=log: not _lives(n) or "--block" in text.read_text())
            if _lives(node):
                return node
            self.nodes.remove(node)
        raise AssertionError(log.read_text()[-2000:])

    def raylet(self, node):
        return next(child for child in node.children(recursive=True) if child.name() == "raylet")


def wait_for(condition, seconds=300):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.2)


def _lives(process):
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _answers(address):
    host, port = address.split(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


@contextmanager
def ray_cluster(folder, n_nodes):
    """A head and `n_nodes` - 1 other nodes of one CPU each; all of their processes end with it."""
    port = free_port()
    cluster = Cluster(
        f"127.0.0.1:{port}",
        environment={
            "RAY_AUTH_MODE": "disabled",
            "RAY_LOGS": str(folder),
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        },
    )
    try:
        cluster.start(
            "--head", f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false"
        )
        wait_for(lambda: _answers(cluster.address))
        for _ in range(n_nodes - 1):
            cluster.join()
        yield cluster
    finally:
        family = []
        for node in cluster.nodes:
            with suppress(psutil.NoSuchProcess):
                family += [*node.children(recursive=True), node]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=20)
