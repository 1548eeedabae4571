"""Whether a run with these data, protocol and code has been done, and is all still there.

Decided from recorded keys, without Prefect, Ray, MLflow or torch: importing them takes longer than
the whole answer may.
"""

from components.platform.data_version import quick_version
from components.platform.presence import absent_versions
from components.study.protocol import Protocol
from flows.plan import Plan, make_plan
from flows.record import RunRecord, read_record
from flows.settings import Settings


def finished_retraining(
    settings: Settings, protocol: Protocol
) -> tuple[RunRecord | None, list[str]]:
    """The record of the retraining that would be done now, and what of it has vanished."""
    data_md5 = quick_version(settings.study_path)
    if data_md5 is None:
        return None, []
    return finished_run(settings, make_plan(protocol, data_md5, place=settings.mlflow_uri))


def finished_run(settings: Settings, plan: Plan) -> tuple[RunRecord | None, list[str]]:
    """The record of a plan's run, and what of it has vanished.

    A record of which something has vanished is returned with the list of it: the flow makes that
    again. None where there is no such record.
    """
    record = read_record(settings.home_path, plan.key)
    if record is None:
        return None, []
    vanished = record.missing_files()
    vanished += absent_versions(settings.mlflow_uri, record.run_id, record.versions)
    return record, vanished
