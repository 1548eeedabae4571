"""The result of step `heat_maps`, read without torch."""

from collections.abc import Mapping

from components.networks.heat_files import read_heat, read_pictures
from components.networks.heat_records import HeatMaps
from components.reporting.heat_content import HeatContent
from components.study.results import ArtifactRef
from flows.steps import Result


def read_heat_maps(results: Mapping[str, Result]) -> HeatContent | None:
    """What the step has found; None where a run has no images.

    Raises:
        IntegrityError: The table or the pictures are not what was written.
    """
    result = results.get("heat_maps")
    if result is None:
        return None
    return HeatContent(
        maps=HeatMaps.model_validate(result["maps"]),
        table=read_heat(ArtifactRef.model_validate(result["table"])),
        pictures=read_pictures(ArtifactRef.model_validate(result["pictures"])),
    )
