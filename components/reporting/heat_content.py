"""What the report's section on heat maps is drawn from."""

from dataclasses import dataclass

from components.networks.heat_files import HeatPicture, HeatTable
from components.networks.heat_records import HeatMaps


@dataclass(frozen=True, eq=False)
class HeatContent:
    """The figures, every patient's numbers, and a picture for each of `maps.examples`."""

    maps: HeatMaps
    table: HeatTable
    pictures: tuple[HeatPicture, ...]
