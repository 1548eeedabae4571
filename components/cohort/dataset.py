"""A dataset on disk: where its tables and images lie and what it says of itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, TypeAdapter, ValidationError

from components.cohort.schema import PREDICTORS, Variable
from components.errors import CohortRejected
from components.study.files import written_whole
from components.study.results import Adaptation, Quarantined, Record
from components.study.vocabulary import DataOrigin, Phase, TreatmentArm

SCHEMA_VERSION = 1
_VARIABLES = TypeAdapter(list[Variable])


class DatasetCard(Record):
    """`dataset.json`: what a dataset is. `seed` is that of a synthetic one."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    name: str
    origin: DataOrigin
    arms: tuple[TreatmentArm, ...]
    units: dict[str, str]
    description: str
    seed: int | None = None


class IntakeFindings(Record):
    """What an import found: patients set aside, what was assumed, what is to be known."""

    quarantined: tuple[Quarantined, ...] = ()
    adaptations: tuple[Adaptation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """The layout under a `data/` folder. Tables are Parquet, keyed by `patient_id`."""

    root: Path

    @property
    def card_path(self) -> Path:
        """`dataset.json`."""
        return self.root / "dataset.json"

    @property
    def clinical_path(self) -> Path:
        """One row a patient, columns of `components.cohort.schema`."""
        return self.root / "clinical.parquet"

    @property
    def manifest_path(self) -> Path:
        """One row a patient with images: geometry, scanner, HU statistics."""
        return self.root / "manifest.parquet"

    @property
    def codebook_path(self) -> Path:
        """Predictors of the study's own (JSON), where it has some."""
        return self.root / "codebook.json"

    def codebook(self) -> dict[str, Variable]:
        """Every predictor that the dataset may hold: armwise's and the study's own, by name.

        Raises:
            CohortRejected: `codebook.json` is no list of variables.
        """
        if not self.codebook_path.is_file():
            return dict(PREDICTORS)
        try:
            own = _VARIABLES.validate_json(self.codebook_path.read_bytes())
        except ValidationError as error:
            faults = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
            msg = f"{self.codebook_path}: these fields are missing or wrong: {faults}"
            raise CohortRejected(msg) from None
        return {**PREDICTORS, **{variable.name: variable for variable in own}}

    def write_codebook(self, variables: Iterable[Variable]) -> None:
        """Writes down the predictors that are the study's own; no file where there are none."""
        own = [one for one in variables if PREDICTORS.get(one.name) != one]
        if own:
            self.codebook_path.write_bytes(_VARIABLES.dump_json(own, indent=1))

    @property
    def split_path(self) -> Path:
        """`patient_id`, `split`: fixed once, nobody moves."""
        return self.root / "split.parquet"

    def image_path(self, patient_id: str, phase: Phase) -> Path:
        """The patient's CT volume of a phase."""
        return self.root / "images" / patient_id / f"{phase.value}.nii.gz"

    def roi_path(self, patient_id: str) -> Path:
        """The patient's consensus ROI as 3D Slicer writes it."""
        return self.root / "images" / patient_id / "roi.seg.nrrd"

    def reader_roi_path(self, patient_id: str, reader: int) -> Path:
        """The ROI that one reader drew, where several did."""
        return self.root / "images" / patient_id / f"roi_reader{reader}.seg.nrrd"

    @property
    def changes_path(self) -> Path:
        """What imports changed, a JSON object a line; there once something was imported."""
        return self.root / "changes.jsonl"

    @property
    def intake_path(self) -> Path:
        """What the last import found (JSON), where the dataset was imported."""
        return self.root / "intake.json"

    def intake(self) -> IntakeFindings:
        """Whom the last import set aside and what it assumed; nothing where there was none.

        Raises:
            CohortRejected: `intake.json` is no such record.
        """
        try:
            return IntakeFindings.from_json(self.intake_path.read_bytes())
        except FileNotFoundError:
            return IntakeFindings()
        except ValidationError:
            msg = f"{self.intake_path} is not what `armwise import` writes; import again"
            raise CohortRejected(msg) from None

    def card(self) -> DatasetCard:
        """What the dataset says of itself.

        Raises:
            CohortRejected: `dataset.json` is missing or is no dataset card.
        """
        try:
            return DatasetCard.from_json(self.card_path.read_bytes())
        except FileNotFoundError:
            msg = f"expected {self.card_path}, found none; is {self.root} a dataset of armwise?"
            raise CohortRejected(msg) from None
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
            msg = f"{self.card_path}: these fields are missing or wrong: {fields}"
            raise CohortRejected(msg) from None


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet table of a dataset.

    Raises:
        CohortRejected: The file is missing or cannot be read as Parquet.
    """
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        msg = f"expected the table {path}, found none"
        raise CohortRejected(msg) from None
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # what pyarrow raises
        msg = f"{path} cannot be read as a Parquet table ({type(error).__name__}); export it again"
        raise CohortRejected(msg) from None


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as Parquet, whole or not at all; the same rows give the same bytes.

    pandas' own metadata are left out: they name library versions.
    """
    content = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    with written_whole(path) as partial:
        pq.write_table(content, partial)
