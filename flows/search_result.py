"""The result of step `search`, read without Ray and torch."""

from components.networks.records import BackboneChoice, SearchResult
from flows.steps import Result


def read_search(result: Result) -> tuple[SearchResult, BackboneChoice]:
    """The records of a `search` result."""
    return (
        SearchResult.model_validate(result["search"]),
        BackboneChoice.model_validate(result["choice"]),
    )
