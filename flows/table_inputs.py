"""The tables that `fit-arms` reads, and the version that their bytes are."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from components.errors import UsageError
from components.intake.mapping import ColumnMapping, read_mapping
from components.intake.table_files import check_size
from components.platform.data_version import DataVersion


@dataclass(frozen=True)
class TableInputs:
    """Clinical table, column mapping and, where given, features, by absolute path.

    `radiomics` are hand-crafted features, which the models are compared with.
    """

    clinical: Path
    columns: Path
    features: Path | None
    mapping: ColumnMapping
    radiomics: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is read; another byte in any of it is another data version."""
        named = self.mapping.feature_ids if self.features else None
        ids = Path(named.file) if named else None
        return tuple(
            path
            for path in (self.clinical, self.columns, self.features, ids, self.radiomics)
            if path is not None
        )

    @cached_property
    def version(self) -> DataVersion:
        """The version of the tables, by their content alone; they are read for it once."""
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files]
        return DataVersion(
            md5=hashlib.md5("".join(digests).encode(), usedforsecurity=False).hexdigest(),
            n_files=len(self.files),
            n_bytes=sum(path.stat().st_size for path in self.files),
            source="tables",
        )


def open_inputs(
    clinical: Path, columns: Path, features: Path | None, radiomics: Path | None = None
) -> TableInputs:
    """The inputs, once each file is there and the mapping can be read.

    Raises:
        UsageError: A file is missing, or the mapping cannot be meant.
        CohortRejected: A table is empty, or larger than its mapping allows.
    """
    for path in (clinical, columns, features, radiomics):
        if path is not None and not path.is_file():
            msg = f"expected a file at {path}, found none"
            raise UsageError(msg)
    mapping = read_mapping(columns)
    check_size(clinical, mapping)
    for table in (features, radiomics):
        if table is not None:
            check_size(table, mapping.features)
    return TableInputs(
        clinical=clinical.resolve(),
        columns=columns.resolve(),
        features=features.resolve() if features else None,
        mapping=mapping,
        radiomics=radiomics.resolve() if radiomics else None,
    )
