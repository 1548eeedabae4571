"""What Python deploys is what `infra/prefect.yaml` says, field by field."""

import importlib
from pathlib import Path

import pytest
import yaml
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow
from prefect.utilities.templating import apply_values

from components.errors import UsageError
from flows.deployments import TAG, WORK_POOL, study_deployments
from flows.schedule import cron_schedule
from flows.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def as_in_yaml(deployment) -> dict:
    return {
        "name": deployment.name,
        "entrypoint": deployment.entrypoint,
        "description": deployment.description,
        "tags": [TAG],
        "parameters": deployment.parameters,
        "schedules": [
            {"cron": one.cron, "timezone": one.timezone, "active": True}
            for one in deployment.schedules
        ],
        "work_pool": {"name": WORK_POOL, "job_variables": deployment.job_variables},
    }


def test_python_and_prefect_yaml_say_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("ARMWISE_STUDY_DIR", str(tmp_path))
    read = yaml.safe_load((ROOT / "infra" / "prefect.yaml").read_text(encoding="utf-8"))
    schedule = CronSchedule(cron="0 3 * * 1-5", timezone="UTC")
    built = study_deployments(Settings(protocol="demo"), schedule)
    assert [as_in_yaml(one) for one in built] == apply_values(read["deployments"], {})
    assert read["pull"] == []


def test_entry_points_are_modules_and_name_flows(tmp_path):
    for deployment in study_deployments(Settings(study_dir=tmp_path), None):
        module, _, name = deployment.entrypoint.rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        assert isinstance(flow, Flow)
        assert flow.name == deployment.flow_name
        ours, theirs = deployment.parameter_schema["properties"], flow.parameters.properties
        assert ours.keys() == deployment.parameters.keys()
        assert ours.keys() >= set(flow.parameters.required)
        for name, described in ours.items():
            assert described.items() <= theirs[name].items()


def test_another_home_reaches_the_runs(tmp_path):
    settings = Settings(study_dir=tmp_path, home=Path("elsewhere"))
    env = study_deployments(settings, None)[0].job_variables["env"]
    assert env["ARMWISE_HOME"] == str(tmp_path / "elsewhere")
    assert env["PREFECT_LOCAL_STORAGE_PATH"] == str(tmp_path / "elsewhere" / "results")


@pytest.mark.parametrize(
    ("cron", "timezone", "said"),
    [
        ("0 3 * *", "UTC", "five fields"),
        ("* * * * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "Invalid cron"),
        ("0 0 31 2 *", "UTC", "never fires"),
        ("0 3 * * *", "Mars/Olympus", "Invalid timezone"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(cron, timezone, said):
    with pytest.raises(UsageError, match=said):
        cron_schedule(cron, timezone)


def test_a_schedule_keeps_its_time_zone():
    schedule, times = cron_schedule("30 3 * * *", "Asia/Shanghai")
    assert schedule.timezone == "Asia/Shanghai"
    assert [(time.hour, time.minute, time.utcoffset().total_seconds()) for time in times] == [
        (3, 30, 8 * 3600)
    ] * 3
