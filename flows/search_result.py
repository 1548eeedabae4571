"""The results of search and checks of the networks, read without Ray and torch."""

from collections.abc import Mapping

from components.networks.honesty_records import NetworkChecks
from components.networks.records import BackboneChoice, SearchResult
from flows.steps import Result


def read_search(result: Result) -> tuple[SearchResult, BackboneChoice]:
    """The records of a `search` result."""
    return (
        SearchResult.model_validate(result["search"]),
        BackboneChoice.model_validate(result["choice"]),
    )


def read_checks(results: Mapping[str, Result]) -> NetworkChecks | None:
    """The record of step `network_checks` among a run's results, where it was run."""
    found = results.get("network_checks")
    return None if found is None else NetworkChecks.from_json(found["checks"])
