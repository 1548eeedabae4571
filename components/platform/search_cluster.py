"""What a search needs of a cluster: a place for states, and weights files, that every node sees."""

import uuid
from collections.abc import Sequence
from typing import Any

import fsspec
import pyarrow.fs
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from components.errors import ArmwiseError, PlatformError
from components.networks.weight_files import StartingWeights, checked_digest

_PATIENCE_S = 120


def require_seen_by_all_nodes(
    place: str, weights: Sequence[StartingWeights], *, is_shared: bool
) -> None:
    """Refuse a search before it trains anything that another node could not go on with.

    Each node reads what was written here, writes beside it, and looks for the weights files.

    Args:
        place: Folder or URL of the states.
        weights: Files that networks start from.
        is_shared: Whether the settings call the place shared; where they do not, and the cluster
            is this machine alone, there is nothing to ask.

    Raises:
        PlatformError: A node does not see the place or a weights file, or does not answer.
    """
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    if len(nodes) == 1 and not is_shared:
        return
    token = uuid.uuid4().hex
    try:
        files, root = fsspec.core.url_to_fs(f"{place.rstrip('/')}/probe-{token}")
        files.makedirs(root, exist_ok=True)
        files.pipe_file(f"{root}/driver", token.encode())
    except Exception as error:  # each kind of storage has errors of its own
        msg = f"the search's storage {place} cannot be written ({error}); see {_SETTING}"
        raise PlatformError(msg) from error
    try:
        for node, complaint in zip(nodes, _answers(nodes, place, token, weights), strict=True):
            if complaint is None and not files.exists(f"{root}/{node}"):
                complaint = "what it wrote there is not to be seen here"
            if complaint is not None:
                raise PlatformError(_refusal(node, place, complaint))
    finally:
        files.rm(root, recursive=True)


_SETTING = "ARMWISE_SEARCH_STORAGE"


def _refusal(node: str, place: str, complaint: str) -> str:
    hosts = {found["NodeID"]: found["NodeManagerHostname"] for found in ray.nodes()}
    name = f"{hosts.get(node)} ({node[:8]})"
    return (
        f"node {name} of the Ray cluster does not see what the search needs: {complaint}; expected "
        f"every node to read and write {place}. Name a folder or URL that all of them share in "
        f"{_SETTING}, for example s3://bucket/searches; weights files must lie at the same path "
        "on every node"
    )


def _answers(
    nodes: Sequence[str], place: str, token: str, weights: Sequence[StartingWeights]
) -> list[str | None]:
    asked = [
        ray.remote(_look)
        .options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        .remote(node, place, token, list(weights))
        for node in nodes
    ]
    try:
        found: list[str | None] = ray.get(asked, timeout=_PATIENCE_S)
    except ray.exceptions.RayError as error:
        msg = f"a node of the Ray cluster does not answer within {_PATIENCE_S} s: {error}"
        raise PlatformError(msg) from error
    return found


def _look(node: str, place: str, token: str, weights: Sequence[StartingWeights]) -> str | None:
    """What a node finds wrong; run there."""
    try:
        files, root = fsspec.core.url_to_fs(f"{place.rstrip('/')}/probe-{token}")
        if files.cat_file(f"{root}/driver") != token.encode():
            return f"{place} holds something else there"
        files.pipe_file(f"{root}/{node}", b"")
        for one in weights:
            checked_digest(one)
    except ArmwiseError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # each kind of storage has errors of its own
        return f"{type(error).__name__}: {error}"
    return None


def filesystem_for_ray(url: str) -> tuple[str, Any]:
    """A path and a filesystem of pyarrow's, as Ray Tune wants them for its own record."""
    files, path = fsspec.core.url_to_fs(url)
    return path, pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(files))
