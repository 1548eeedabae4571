"""Protocol section `report`: what a reader is told about the study itself."""

from components.study.protocol.base import Section


class ReportSection(Section):
    """Fields of the report that no computation can fill."""

    ethics: str
    funding: str
    data_access: str
    contact: str
