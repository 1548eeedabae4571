"""Protocol section `label`: the risk label that the networks learn."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Days, Section


class LabelSection(Section):
    """High risk = dead by the horizon; what happens to patients censored before it."""

    horizon_days: Days
    unknown: Literal["ipcw", "drop", "naive"] = Field(
        description="ipcw: weights 1/G, unknown weigh 0; drop: weights 1; naive: unknown are high."
    )
    weight_cap: float = Field(gt=1, le=1000)
