"""The nomogram of a fitted arm."""

import numpy as np
import pytest

from components.arms.nomogram import arm_nomogram
from components.nomogram.nomogram import survival_column
from components.study.vocabulary import DataOrigin, ModelKind
from tests.arms.conftest import fit


@pytest.mark.parametrize("which", ["models", "null_models"])
def test_its_survival_is_that_of_the_arms_model(which, request, train, test, protocol):
    models = request.getfixturevalue(which)
    nomogram = arm_nomogram(models, train, section=protocol.nomogram, origin=DataOrigin.SYNTHETIC)
    model = models.nomogram_model
    assert nomogram.model_kind == models.nomogram_kind
    assert nomogram.data_origin == DataOrigin.SYNTHETIC
    fitted = model.survival_at(model.linear_predictor(test), nomogram.horizons_days)
    answer = nomogram.predict(test)
    read = answer[[survival_column(days) for days in nomogram.horizons_days]].to_numpy()
    assert np.max(np.abs(read - fitted)) < 1e-9
    assert nomogram.reading_error.n == len(train)


def test_the_signature_has_an_axis_only_where_it_is_in_the_model(
    models, null_models, train, protocol
):
    def names(which):
        nomogram = arm_nomogram(which, train, section=protocol.nomogram, origin=DataOrigin.REAL)
        return [axis.predictor.name for axis in nomogram.axes]

    assert names(models) == [*names(null_models), "dl_signature"]
    assert null_models.nomogram_kind == ModelKind.CLINICAL


def test_a_horizon_that_training_cannot_estimate_has_a_reason_and_no_axis(protocol, train, test):
    early = train.assign(
        death=np.where(train["os_days"] > 800, 0, train["death"]),
        os_days=train["os_days"].clip(upper=800),
    )
    models = fit(protocol, early, test)
    nomogram = arm_nomogram(models, early, section=protocol.nomogram, origin=DataOrigin.REAL)
    assert nomogram.horizons_days == (365, 730)
    assert set(nomogram.survival_axes) == {365, 730}
    assert "seen beyond 1095 days" in nomogram.not_estimable[1095]
    assert all(tick.time_days <= 800 for tick in nomogram.median_axis.ticks)
    assert survival_column(1095) not in nomogram.predict(test).columns


def test_patients_with_empty_cells_do_not_stop_it(protocol, train, test):
    holes = train.copy()
    holes.iloc[0, holes.columns.get_loc("tumor_diameter_cm")] = np.nan
    models = fit(protocol, holes, test)
    nomogram = arm_nomogram(models, holes, section=protocol.nomogram, origin=DataOrigin.REAL)
    assert nomogram.reading_error.n == len(train) - 1
