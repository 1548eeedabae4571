"""A small invented study as a hospital would send it: a sheet, a mapping, a table of features."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from flows.settings import PROTOCOLS

MAPPING = """
study: {id: small-tables, title: "Small tables", origin: synthetic}
patient_id: {column: case}
arm: {column: first treatment, levels: {hepatectomy: [resection], tace: [TACE]}}
follow_up: {column: OS months, unit: months}
death: {column: status, dead: ["2"], censored: ["1"]}
predictors:
  tumor_diameter_cm: {column: size, unit: mm}
  age_years: {column: age, unit: years}
  bclc_stage: {column: BCLC, levels: {A: [A], B: [B], C: [C]}}
  ascites: {column: ascites, kind: categorical, levels: {absent: ["0"], present: ["1"]}}
features: {id_column: case}
"""


def write_tables(folder: Path, *, n: int = 160, seed: int = 5) -> dict[str, Path]:
    """The three files; two of ten features carry the hazard, one patient is under 18."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 10))
    size, bclc = rng.gamma(4, 15, n).round() + 8, rng.choice(["A", "B", "C"], n)
    arm = np.where(np.arange(n) % 2 == 0, "resection", "TACE")
    lp = 0.8 * features[:, 0] + 0.6 * features[:, 1] + 0.5 * (bclc == "C") + 0.5 * (arm == "TACE")
    months = rng.exponential(26 * np.exp(-lp))
    censored = rng.uniform(10, 70, n)
    age = rng.integers(30, 80, n)
    age[4] = 16
    ids = [f"T{number:03d}" for number in range(n)]
    sheet = pd.DataFrame(
        {
            "case": ids,
            "first treatment": arm,
            "OS months": np.minimum(months, censored).round(2) + 0.1,
            "status": np.where(months <= censored, 2, 1),
            "size": size.astype(int),
            "age": age,
            "BCLC": bclc,
            "ascites": rng.integers(0, 2, n),
        }
    )
    table = pd.DataFrame(features, columns=[f"deep{i}" for i in range(10)])
    table.insert(0, "case", ids)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / file for name, file in _FILES.items()}
    sheet.to_csv(paths["clinical"], index=False)
    table.iloc[: n - 6].to_csv(paths["features"], index=False)
    paths["columns"].write_text(MAPPING, encoding="utf-8")
    return {**paths, "protocol": quick_sound(folder)}


def quick_sound(folder: Path) -> Path:
    """The protocol `sound` with few folds, imputations and resamples."""
    protocol = yaml.safe_load((PROTOCOLS / "sound.yaml").read_text(encoding="utf-8"))
    protocol["signature"] |= {"cv_repeats": 1, "stability_resamples": 10}
    protocol["clinical"]["imputation"] = {"imputations": 2, "iterations": 2}
    protocol["evaluation"] |= {"nested": {"folds": 3, "repeats": 2}, "optimism_resamples": 20}
    path = folder / "quick.yaml"
    path.write_text(yaml.safe_dump(protocol), encoding="utf-8")
    return path


_FILES = {"clinical": "clinical.csv", "features": "features.csv", "columns": "columns.yaml"}
