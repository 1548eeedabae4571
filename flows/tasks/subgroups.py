"""Step `subgroups`: the model of each arm's nomogram in subgroups of patients."""

from collections.abc import Mapping

from components.arms.subgroup_records import SubgroupReport
from components.arms.subgroups import judge_subgroups, not_assessed
from components.cohort.schema import Variable
from components.study.protocol import Protocol
from flows.steps import Result, step_task
from flows.tasks.arms import patients_of, with_scores
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display


@step_task
def assess_subgroups(
    step: str,
    key: str,
    *,
    cohort: Result,
    signature: Result,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
) -> Result:
    """C by level and tests of interaction; none where the protocol names no subgroup.

    A variable of the protocol that the table lacks is not assessable, and that is an adaptation.
    """
    del step, key
    with current_display().step("Subgroups") as progress:
        if not protocol.evaluation.subgroups:
            progress.note = "the protocol names none"
            return {"subgroups": None, "adaptations": []}
        table = with_scores(read_cohort(cohort), signature)
        patients = [
            patients_of(arm, table, signature=signature, protocol=protocol, codebook=codebook)
            for arm in protocol.study.arms
        ]
        report = judge_subgroups(
            patients,
            evaluation=protocol.evaluation,
            codebook=codebook,
        )
        progress.note = f"{report.n_tests} tests of interaction"
    said = [one.model_dump() for one in not_assessed(report)]
    return {"subgroups": report.to_json(), "adaptations": said}


def read_subgroups(results: Mapping[str, Result]) -> SubgroupReport | None:
    """The record of the step among a run's results, where subgroups were asked for."""
    found = results.get("subgroups", {}).get("subgroups")
    return None if found is None else SubgroupReport.from_json(found)
