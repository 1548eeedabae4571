"""Whether a retraining with these data, protocol and code has been done, and is all still there.

Decided from recorded keys, without Prefect, Ray, MLflow or torch: importing them takes longer than
the whole answer may.
"""

from components.platform.data_version import quick_version
from components.platform.presence import absent_versions
from components.study.protocol import Protocol
from flows.plan import make_plan
from flows.record import RetrainRecord, read_record
from flows.settings import Settings


def finished_retraining(
    settings: Settings, protocol: Protocol
) -> tuple[RetrainRecord | None, list[str]]:
    """The record of the retraining that would be done now, and what of it has vanished.

    A record of which something has vanished is returned with the list of it: the flow makes that
    again. None where there is no such record.
    """
    data_md5 = quick_version(settings.study_path)
    if data_md5 is None:
        return None, []
    plan = make_plan(protocol, data_md5, place=settings.mlflow_uri)
    record = read_record(settings.home_path, plan.key)
    if record is None:
        return None, []
    vanished = record.missing_files()
    vanished += absent_versions(settings.mlflow_uri, record.run_id, record.versions)
    return record, vanished
