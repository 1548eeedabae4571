"""A small hospital's folder for an import: a sheet as hospitals keep it, CT volumes and ROIs.

Invented patients; the names, ids and dates in it are canaries that must never leave the folder.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk  # noqa: N813
import yaml

N_PATIENTS = 8
SIZE = (20, 20, 8)
SPACING_MM = (4.0, 4.0, 5.0)

LEVELS = {
    "child_pugh_class": ["A", "B"],
    "ecog_ps": ["0", "1"],
    "sex": ["male", "female"],
    "hbv_infection": ["absent", "present"],
    "diabetes": ["absent", "present"],
    "albi_grade": ["1", "1"],
    "cirrhosis": ["absent", "present"],
    "tumor_location": ["left", "right"],
    "bclc_stage": ["A", "B"],
    "fusion_lesions": ["absent", "present"],
    "capsule": ["absent", "intact"],
    "intratumoral_necrosis": ["absent", "present"],
    "arterial_peritumoral_enhancement": ["absent", "present"],
}
NUMBERS = {
    "tumor_number": (1, "lesions"),
    "tumor_diameter_cm": (2.8, "cm"),
    "age_years": (55, "years"),
    "platelets_1e9_per_l": (150, "10⁹/L"),
    "ast_u_per_l": (40, "U/L"),
    "alt_u_per_l": (38, "U/L"),
    "ggt_u_per_l": (60, "U/L"),
    "albumin_g_per_l": (40, "g/L"),
    "bilirubin_umol_per_l": (15, "µmol/L"),
    "creatinine_umol_per_l": (80, "µmol/L"),
    "prothrombin_time_s": (13, "s"),
    "inr": (1.1, "ratio"),
}

MAPPING = {
    "study": {"id": "ward-7", "title": "HCC on ward 7"},
    "clinical": "clinical.csv",
    "patient_id": {"column": "MRN"},
    "arm": {
        "column": "therapy",
        "levels": {"hepatectomy": ["resection"], "tace": ["TACE"]},
    },
    "follow_up": {"column": "os", "unit": "days"},
    "death": {"column": "status", "dead": ["1"], "censored": ["0"]},
    "predictors": {
        **{name: {"column": name} for name in LEVELS},
        **{name: {"column": name, "unit": unit} for name, (_, unit) in NUMBERS.items()},
    },
    "eligibility": {
        "hcc_confirmed": {"column": "confirmed", "yes": ["y"], "no": ["n"]},
        "other_malignancy": {"column": "cancer", "yes": ["y"], "no": ["n"]},
    },
    "dates": {
        "treatment": "treated",
        "ct": "scanned",
        "data_cut": "2024-12-31",
        "enrolment": ["2015-01-01", "2023-12-31"],
    },
    "images": {
        "arterial": {"path": "ct/{patient}/art*"},
        "portal_venous": {"path": "ct/{patient}/pv*"},
        "roi": {"path": "roi/{patient}.*"},
        "readers": {1: {"path": "reader1/{patient}.*"}, 2: {"path": "reader2/{patient}.*"}},
    },
}


@dataclass(frozen=True)
class Hospital:
    """The folder, and the patients' ids in the sheet's order (row 2 is the first)."""

    root: Path
    ids: tuple[str, ...]

    @property
    def sheet_path(self) -> Path:
        return self.root / "clinical.csv"

    @property
    def mapping_path(self) -> Path:
        return self.root / "mapping.yaml"

    def sheet(self) -> pd.DataFrame:
        return pd.read_csv(self.sheet_path, dtype=str, keep_default_na=False)

    def write_sheet(self, table: pd.DataFrame) -> None:
        table.to_csv(self.sheet_path, index=False)

    def set_cell(self, place: int, column: str, text: str) -> None:
        table = self.sheet()
        table.loc[place, column] = text
        self.write_sheet(table)

    def mapping(self) -> dict:
        return yaml.safe_load(self.mapping_path.read_text(encoding="utf-8"))

    def write_mapping(self, content: dict) -> None:
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        self.mapping_path.write_text(text, encoding="utf-8")

    def volume_path(self, place: int, phase: str) -> Path:
        return next((self.root / "ct" / self.ids[place]).glob(f"{phase}*"))

    def roi_path(self, place: int) -> Path:
        return next((self.root / "roi").glob(f"{self.ids[place]}.*"))


def sheet_rows(ids: tuple[str, ...]) -> pd.DataFrame:
    """The clinical sheet: plausible values that contradict nothing."""
    n = np.arange(len(ids))
    columns: dict[str, object] = {
        "MRN": list(ids),
        "Name": [f"Zhang Wei {number}" for number in n],
        "born": [f"196{number % 10}-05-17" for number in n],
        "therapy": np.where(n % 2 == 0, "resection", "TACE"),
        "treated": [f"2019-0{1 + number % 9}-15" for number in n],
        "scanned": [f"2019-0{1 + number % 9}-04" for number in n],
        "os": 200 + 150 * n,
        "status": (n // 2) % 2,
        "confirmed": "y",
        "cancer": "n",
    }
    columns.update({name: [levels[i % 2] for i in n] for name, levels in LEVELS.items()})
    columns.update({name: value + n % 3 * value / 20 for name, (value, _) in NUMBERS.items()})
    columns["tumor_number"] = 1 + n % 2
    return pd.DataFrame(columns).astype(str)


def write_hospital(root: Path, n: int = N_PATIENTS) -> Hospital:
    """Writes the folder."""
    ids = tuple(f"MRN-{48213 + 7 * number}" for number in range(n))
    hospital = Hospital(root, ids)
    root.mkdir(parents=True)
    hospital.write_sheet(sheet_rows(ids))
    hospital.write_mapping(MAPPING)
    rng = np.random.default_rng(11)
    for patient_id in ids:
        folder = root / "ct" / patient_id
        folder.mkdir(parents=True)
        mask = ball()
        for phase, liver_hu in (("art", 70), ("pv", 110)):
            write_volume(folder / f"{phase}.nii.gz", phantom(rng, liver_hu, mask))
        for place in ("roi", "reader1", "reader2"):
            path = root / place / f"{patient_id}.seg.nrrd"
            path.parent.mkdir(exist_ok=True)
            write_roi(path, mask)
    return hospital


def ball(center: tuple[int, int, int] = (10, 10, 4), radius_mm: float = 14.0) -> np.ndarray:
    """A tumor (z, y, x) of some 28 mm."""
    z, y, x = np.indices(SIZE[::-1])
    i, j, k = center
    dx, dy, dz = SPACING_MM
    far = ((x - i) * dx) ** 2 + ((y - j) * dy) ** 2 + ((z - k) * dz) ** 2
    return (far <= radius_mm**2).astype(np.uint8)


def phantom(rng: np.random.Generator, liver_hu: float, mask: np.ndarray) -> np.ndarray:
    """HU (z, y, x): a body in air with a tumor in it."""
    z, y, x = np.indices(SIZE[::-1])
    body = ((x - 9.5) / 9) ** 2 + ((y - 9.5) / 8.5) ** 2 <= 1
    hu = np.where(body, liver_hu + 20.0 * mask, -950.0) + rng.normal(0, 12, z.shape)
    return np.rint(hu).astype(np.int16)


def to_image(values: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-40.0, -38.0, 100.0))
    return image


def write_volume(path: Path, values: np.ndarray) -> None:
    sitk.WriteImage(to_image(values), str(path))


def write_roi(path: Path, mask: np.ndarray, name: str = "HCC") -> None:
    image = to_image(mask.astype(np.uint8))
    for key, value in {
        "Segment0_ID": "Segment_1",
        "Segment0_Name": name,
        "Segment0_LabelValue": "1",
        "Segment0_Layer": "0",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
    }.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path), useCompression=True)
