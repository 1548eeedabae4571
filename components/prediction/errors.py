"""What prediction refuses."""

from collections.abc import Sequence

from components.errors import DataError


class PredictionError(DataError):
    """A row that cannot be predicted: `faults` names each predictor and never a value."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)
