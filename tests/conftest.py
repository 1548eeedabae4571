"""What all tests share."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from xdist.scheduler import LoadScopeScheduling

from components.nomogram.build import build_nomogram
from components.study.protocol import NomogramSection
from components.study.vocabulary import DataOrigin, ModelKind, TreatmentArm
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.target import SurvivalTarget
from tests.flows.conftest import armwise

_MAY_SKIP_IN_CI = {"realdata", "gpu", "root"}
# What starts servers and retrainings runs in two processes, each one test after the other and with
# fixtures of its own; what is left goes, file by file, to whichever is free first.
_WITH_SERVERS = {
    "faults": "faults and flows",
    "flows": "faults and flows",
    "serving": "faults and flows",
    "installed": "installed and platforms",
    "platform": "installed and platforms",
}
_WITHOUT_SERVERS = "tests/faults/test_damaged_*.py"


def _scope(nodeid):
    path = Path(nodeid.split("::")[0])
    return None if path.match(_WITHOUT_SERVERS) else _WITH_SERVERS.get(path.parts[1])


class _ServersApart(LoadScopeScheduling):
    """Keeps the tests of a scope in one process and in order."""

    def _split_scope(self, nodeid):
        return _scope(nodeid) or nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """How tests are shared among processes."""
    config.option.loadscopereorder = False  # the order is ours: see below
    return _ServersApart(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The long scopes first, so that each begins in a process of its own."""
    long = sorted(set(_WITH_SERVERS.values()))
    rank = {scope: n for n, scope in enumerate(long)}
    items.sort(key=lambda item: rank.get(_scope(item.nodeid), len(long)))


def pytest_addoption(parser):
    """`--reference DIR`: hold the statistics against the numbers of another folder from R."""
    parser.addoption(
        "--reference",
        default=str(Path(__file__).parent / "reference"),
        help="folder with inputs/ and values/ as tests/reference has them",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed one, unless its marker says what the machine may lack."""
    report = yield
    allowed = _MAY_SKIP_IN_CI & {marker.name for marker in item.iter_markers()}
    if report.skipped and os.environ.get("CI") == "true" and not allowed:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def small_cohort():
    """A table of 240 invented patients with both arms, predictors and `dl_signature`."""
    rng = np.random.default_rng(20260126)
    n = 240
    table = pd.DataFrame(
        {
            "arm": np.where(np.arange(n) % 2 == 0, "hepatectomy", "tace"),
            "bclc_stage": rng.choice(["A", "B", "C"], n),
            "cirrhosis": rng.choice(["absent", "present"], n),
            "tumor_diameter_cm": rng.uniform(2, 14, n).round(1),
            "dl_signature": rng.normal(size=n),
        },
        index=pd.Index([f"P{number:03d}" for number in range(n)], name="patient_id"),
    )
    lp = 0.6 * table["dl_signature"] + 0.08 * table["tumor_diameter_cm"]
    lp = lp + 0.5 * (table["bclc_stage"] == "C") + 0.8 * (table["arm"] == "tace")
    time_days = rng.exponential(1500 * np.exp(-lp + 0.6))
    censored_days = rng.uniform(200, 1900, n)
    table["os_days"] = np.minimum(time_days, censored_days) + 1
    table["death"] = (time_days <= censored_days).astype(int)
    return table


@pytest.fixture(scope="session")
def nomograms(small_cohort):
    """The combined nomogram of each arm, three years not estimable for TACE."""
    predictors = (
        Predictor(name="bclc_stage", label="BCLC", kind="categorical", levels=("A", "B", "C")),
        Predictor(
            name="tumor_diameter_cm",
            label="Tumor diameter",
            kind="continuous",
            unit="cm",
            lower=2,
            upper=14,
        ),
        Predictor(
            name="dl_signature",
            label="Deep-learning signature",
            kind="continuous",
            unit="SD",
            lower=-2.5,
            upper=2.5,
        ),
    )
    made = {}
    for arm in TreatmentArm:
        patients = small_cohort[small_cohort["arm"] == arm.value]
        target = SurvivalTarget.of(patients["os_days"], patients["death"])
        late = {1095: "only 2 patients at risk"} if arm is TreatmentArm.TACE else {}
        made[arm] = build_nomogram(
            fit_cox_model(patients, predictors, target),
            arm=arm,
            kind=ModelKind.COMBINED,
            section=NomogramSection(axes="pretty", maximum_points=100),
            horizons_days=[days for days in (365, 730, 1095) if days not in late],
            not_estimable=late,
            origin=DataOrigin.SYNTHETIC,
            patients=patients,
        )
    return made


@pytest.fixture(scope="session")
def made_study(tmp_path_factory):
    """A synthetic study that has not been retrained."""
    folder = tmp_path_factory.mktemp("made") / "study"
    done = armwise(
        "demo",
        str(folder),
        "--hepatectomy",
        "70",
        "--tace",
        "40",
        study=tmp_path_factory.getbasetemp(),
    )
    assert done.returncode == 0, done.stderr
    return folder
