"""Step `features`: a given table of features, arranged as those of a network are.

Whoever made the features made them without the outcome, or they have seen every patient's: armwise
cannot know which. All folds read the same table.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from components.networks.feature_table import Role, write_features
from components.study.results import ArtifactRef
from components.study.vocabulary import Split
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort


@step_task
def arrange_features(
    step: str, key: str, *, cohort: Result, tables: Result, folder: Path
) -> Result:
    """Feature tables in the cohort's order, as `fit_scores` takes them.

    The training patients come first; `fold_features` names the same table for every fold.
    """
    del step, key
    table = read_cohort(cohort)
    train = table.index[table["split"] == Split.TRAIN.value]
    test = table.index[table["split"] == Split.TEST.value]
    given = pd.read_parquet(ArtifactRef.model_validate(tables["features"]).verified())
    digest = tables["features"]["sha256"]
    fit: Role = "fit"
    last: Role = "test"

    def write(name: str, patients: pd.Index, roles: list[Role]) -> Result:
        reference = write_features(
            folder / f"{name}.parquet",
            given.loc[patients].to_numpy(dtype=np.float64),
            patient_ids=list(patients),
            roles=roles,
            network_id=tables["network_id"],
            weights_sha256=digest,
            layer="as given",
        )
        return {"network_id": tables["network_id"], "table": reference.model_dump()}

    folder.mkdir(parents=True, exist_ok=True)
    training = write("features-training", train, [fit] * len(train))
    everyone = [fit] * len(train) + [last] * len(test)
    return {
        "names": list(given.columns),
        "fold_features": [training] * int(table["fold"].max() + 1),
        "features": write("features", train.append(test), everyone),
        "test_patients": list(test),
    }
