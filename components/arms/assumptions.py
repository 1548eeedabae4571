"""Whether an arm's models hold what they assume: proportional hazards, coefficients as known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from components.arms.estimating import FittedModel
from components.arms.records import HazardTest, UnexpectedSign
from components.cohort.imputation import CompletedTables
from components.cohort.schema import EXPECTED_DIRECTIONS, Direction
from components.study.vocabulary import ModelKind
from components.survival.cox import CoxModel
from components.survival.proportional_hazards import (
    ProportionalHazardsTest,
    TermTest,
    proportional_hazards,
)
from components.survival.target import SurvivalTarget


def hazard_tests(
    fits: Mapping[ModelKind, FittedModel], completed: CompletedTables, target: SurvivalTarget
) -> Iterator[HazardTest]:
    """The score test of proportional hazards of each model that has a predictor.

    Args:
        fits: The models with the fits that each is pooled of.
        completed: The training patients, their empty cells filled as often as imputed.
        target: Their follow-up.

    Where cells were imputed each completed table is tested with its own fit, and the median of the
    p-values is reported (Eekhout, van de Wiel and Heymans 2017, doi:10.1186/s12874-017-0404-7).
    """
    for kind, fitted in fits.items():
        predictors = fitted.model.predictors
        if not predictors:
            continue
        tables = completed.of(predictors)
        tests = [
            proportional_hazards(table, part, target)
            for table, part in zip(tables, fitted.parts, strict=True)
        ]
        labels = {one.name: one.label for one in predictors}
        yield _median_test(kind, tests, labels)


def _median_test(
    kind: ModelKind, tests: Sequence[ProportionalHazardsTest], labels: Mapping[str, str]
) -> HazardTest:
    first = tests[0]
    return HazardTest(
        kind=kind,
        terms=tuple(
            _median([one.terms[i] for one in tests], labels[term.term])
            for i, term in enumerate(first.terms)
        ),
        all_terms=_median([one.all_terms for one in tests], "All together"),
        transform=first.transform,
        n=first.n,
        n_events=first.n_events,
        n_tables=len(tests),
    )


def _median(tests: Sequence[TermTest], label: str) -> TermTest:
    return TermTest(
        term=label,
        chi_square=float(np.median([one.chi_square for one in tests])),
        df=tests[0].df,
        p=float(np.median([one.p for one in tests])),
    )


def unexpected_signs(
    models: Mapping[ModelKind, CoxModel],
    directions: Mapping[str, Direction] = EXPECTED_DIRECTIONS,
) -> tuple[UnexpectedSign, ...]:
    """The coefficients whose sign is against what is known of their predictor.

    A predictor with a spline has no one sign and is not judged; the combined model of a null
    signature is the clinical one and is not judged twice.
    """
    seen: list[CoxModel] = []
    found: list[UnexpectedSign] = []
    for kind, model in models.items():
        if model not in seen:
            seen.append(model)
            found.extend(_against(kind, model, directions))
    return tuple(found)


def _against(
    kind: ModelKind, model: CoxModel, directions: Mapping[str, Direction]
) -> Iterable[UnexpectedSign]:
    coefficient_of = dict(zip(model.columns, model.coefficients, strict=True))
    for predictor in model.predictors:
        expected = directions.get(predictor.name)
        columns = predictor.columns
        is_spline = predictor.kind == "continuous" and len(columns) > 1
        if expected is None or is_spline:
            continue
        sign = 1.0 if expected == "raises" else -1.0
        for column in columns:
            if sign * coefficient_of[column] < 0:
                yield UnexpectedSign(
                    kind=kind,
                    label=predictor.label,
                    column=column,
                    coefficient=coefficient_of[column],
                    expected=expected,
                )
