"""How images are prepared for a network: a record that needs no network to be read."""

from typing import Literal

from pydantic import Field

from components.study.protocol.imaging import ImagingSection
from components.study.results import Record
from components.study.vocabulary import DataOrigin


class BackboneCard(Record):
    """`backbone.json`: how images are prepared for the network beside it."""

    schema_: Literal["armwise.backbone/1"] = Field(default="armwise.backbone/1", alias="schema")
    study_id: str
    data_origin: DataOrigin
    imaging: ImagingSection
