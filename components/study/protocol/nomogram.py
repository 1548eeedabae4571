"""Protocol section `nomogram`: how the nomogram is drawn."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Section


class NomogramSection(Section):
    """Axes and resolution, as in R's `rms::nomogram`."""

    axes: Literal["pretty", "data_range"]
    maximum_points: float = Field(ge=1, le=1000)
