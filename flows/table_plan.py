"""The plan of `fit_arms`; which steps it has depends on what is given and asked for."""

from components.study.protocol import Protocol
from flows.plan import NESTED_STEP, RETRAIN_STEPS, Plan, Step, make_plan
from flows.table_inputs import TableInputs

_BY_NAME = {step.name: step for step in RETRAIN_STEPS}
_BESIDE = ("optimism", "subgroups", "baselines")


def plan_of_tables(protocol: Protocol, inputs: TableInputs, *, place: str, publish: bool) -> Plan:
    """The plan of a run on tables, under the identity of the study that the mapping names.

    Args:
        protocol: The science, of whatever study.
        inputs: The tables.
        place: Where runs and models go (the MLflow URI).
        publish: Whether the models go to the registry.
    """
    own = {"study_id": inputs.mapping.study.id, "title": inputs.mapping.study.title}
    chosen = protocol.model_copy(update={"study": protocol.study.model_copy(update=own)})
    steps = table_steps(
        features=inputs.features is not None,
        nested=chosen.evaluation.nested is not None,
        publish=publish,
    )
    return make_plan(chosen, inputs.version.md5, place=place, steps=steps)


def table_steps(*, features: bool, nested: bool, publish: bool) -> tuple[Step, ...]:
    """The steps in their order; those that a retraining has too read the same parts of a protocol.

    Args:
        features: Whether a table of features is given.
        nested: Whether such a table is judged by nested cross-validation.
        publish: Whether the models go to the registry.
    """
    cohort = ("study", "cohort", "eligibility", "split", "label", "clinical", "search.folds")
    steps = [
        Step("tables", "Tables", (), ("study", "split", "clinical")),
        _like("validation", after=("tables",)),
        Step("cohort", "Cohort, label, split", ("validation",), cohort),
    ]
    if features:
        steps.append(Step("features", "Features", ("cohort",), ()))
        steps += [NESTED_STEP] if nested else []
        steps.append(_like("signature", after=("features",)))
    steps.append(_like("arms", after=(steps[-1].name,)))
    steps += [_like(name, after=("arms",)) for name in _BESIDE]
    steps.append(_like("nomograms", after=("arms",)))
    if publish:
        steps.append(_like("publish", after=("nomograms",)))
    beside = {"nested", *_BESIDE, steps[-1].name}
    last = beside & {step.name for step in steps}
    return (*steps, _like("report", after=tuple(sorted(last))))


def _like(name: str, *, after: tuple[str, ...]) -> Step:
    """A step of a retraining after other steps."""
    known = _BY_NAME[name]
    return Step(name, known.title, after, known.parts)
