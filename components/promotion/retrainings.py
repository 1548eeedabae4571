"""What is known of a finished or failed retraining, and what changed between two of them."""

from collections.abc import Mapping
from typing import Any

from components.study.results import NOMOGRAM, Record

_ESTIMATORS_SHOWN = ("c_harrell", "c_uno", "cal_slope", "auc_cd", "brier")
_SAID = "armwise.adaptations"
_SPLITS_IN_ORDER = ("test", "oof", "optimism", "apparent")
_LIMITS = ("_lower", "_upper")


class RunFacts(Record):
    """A run of a study as MLflow keeps it.

    `protocol` (as nested sections) and `software` (versions by name) are None where the run left
    none, or where they were not asked for. `version` is that of the recommender it registered.
    """

    run_id: str
    name: str
    started: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    version: str | None = None
    protocol: dict[str, Any] | None = None
    software: dict[str, str] | None = None

    def figure(self, name: str) -> "Figure | None":
        """A figure with its interval; None where the run has none of that name."""
        if name not in self.metrics:
            return None
        lower, upper = (self.metrics.get(name + limit) for limit in _LIMITS)
        return Figure(value=self.metrics[name], lower=lower, upper=upper)

    def arms(self) -> tuple[str, ...]:
        """The arms of which the run has a nomogram, as their figures name them."""
        parts = [name.split("/") for name in self.metrics]
        own = (part[1] for part in parts if len(part) == 4 and part[2] == NOMOGRAM)
        return tuple(dict.fromkeys(own))


class Figure(Record):
    """A metric with the limits of its interval, where it has one."""

    value: float
    lower: float | None = None
    upper: float | None = None

    def text(self, digits: int = 3) -> str:
        """`0.712 (0.661–0.763)`, with true minus signs."""
        interval = ""
        if self.lower is not None and self.upper is not None:
            interval = f" ({self.lower:.{digits}f}–{self.upper:.{digits}f})"
        return f"{self.value:.{digits}f}{interval}".replace("-", "\u2212")


class Change(Record):
    """Something that is not the same in both runs; None where a run does not have it."""

    what: str
    old: str | None
    new: str | None


class FigureChange(Record):
    """A figure in both runs; either is None where the run does not have it."""

    name: str
    old: Figure | None
    new: Figure | None

    @property
    def difference(self) -> float | None:
        """New minus old, no test of anything: the patients may be others."""
        return self.new.value - self.old.value if self.old and self.new else None


class CohortChange(Record):
    """Who came, who went, and who changed arm or split, by pseudonym."""

    came: tuple[str, ...]
    went: tuple[str, ...]
    moved: tuple[str, ...]


class Comparison(Record):
    """Everything that differs between an older and a newer run, and their figures side by side.

    `cohort` is None where the tables of both cohorts were not at hand; `unknown` says in sentences
    what could not be compared.
    """

    data: tuple[Change, ...]
    cohort: CohortChange | None
    protocol: tuple[Change, ...]
    code: tuple[Change, ...]
    outcome: tuple[Change, ...]
    figures: tuple[FigureChange, ...]
    unknown: tuple[str, ...]


def compare(
    old: RunFacts,
    new: RunFacts,
    *,
    old_patients: Mapping[str, str] | None = None,
    new_patients: Mapping[str, str] | None = None,
) -> Comparison:
    """What changed from one run to another.

    Args:
        old: The run compared with.
        new: The run compared.
        old_patients: Arm and split of its patients by pseudonym, where its cohort is at hand.
        new_patients: The same of the newer run.
    """
    known = old_patients is not None and new_patients is not None
    return Comparison(
        data=_data(old, new),
        cohort=_cohort(old_patients or {}, new_patients or {}) if known else None,
        protocol=_protocol(old, new),
        code=_code(old, new),
        outcome=_outcome(old, new),
        figures=_figures(old, new),
        unknown=_unknown(old, new, cohorts_known=known),
    )


def is_selected(name: str) -> bool:
    """Whether a figure is shown without being asked for: the test figures that a reader wants."""
    parts = name.split("/")
    if len(parts) != 4:
        return False
    split, _, model, estimator = parts
    if split == "oof":
        return estimator == "tuning_target"
    if split != "test":
        return False
    if model == NOMOGRAM:
        return estimator.startswith(_ESTIMATORS_SHOWN)
    return estimator == "c_harrell"


def _data(old: RunFacts, new: RunFacts) -> tuple[Change, ...]:
    counted = sorted(name for name in old.params | new.params if name.startswith("n_"))
    pairs = [("version (md5)", old.tags.get("data_md5"), new.tags.get("data_md5"))]
    pairs += [("split", old.tags.get("armwise.split_hash"), new.tags.get("armwise.split_hash"))]
    pairs += [(_words(name), old.params.get(name), new.params.get(name)) for name in counted]
    return _differing(pairs)


def _words(name: str) -> str:
    what = name.removeprefix("n_")
    return "patients" if what == "patients" else f"patients, {what}"


def _cohort(old: Mapping[str, str], new: Mapping[str, str]) -> CohortChange:
    return CohortChange(
        came=tuple(sorted(set(new) - set(old))),
        went=tuple(sorted(set(old) - set(new))),
        moved=tuple(sorted(one for one in set(old) & set(new) if old[one] != new[one])),
    )


def _code(old: RunFacts, new: RunFacts) -> tuple[Change, ...]:
    pairs = [("commit", _commit(old), _commit(new))]
    ours, theirs = old.software or {}, new.software or {}
    if old.software is not None and new.software is not None:
        pairs += [(name, ours.get(name), theirs.get(name)) for name in sorted(ours | theirs)]
    return _differing(pairs)


def _commit(run: RunFacts) -> str | None:
    commit = run.tags.get("git_commit")
    beside = run.tags.get("git_is_clean") == "false"
    return f"{commit[:12]}{' with changes beside it' if beside else ''}" if commit else None


def _outcome(old: RunFacts, new: RunFacts) -> tuple[Change, ...]:
    pairs = [
        ("status", old.status.lower(), new.status.lower()),
        ("gate", old.tags.get("armwise.gate"), new.tags.get("armwise.gate")),
        ("adaptations", _only(old, new), _only(new, old)),
    ]
    chosen = sorted(
        name for name in old.params | new.params if name == "backbone" or name[:9] == "nomogram_"
    )
    pairs += [
        (name.replace("_", ", "), old.params.get(name), new.params.get(name)) for name in chosen
    ]
    return _differing(pairs)


def _only(run: RunFacts, other: RunFacts) -> str | None:
    """The adaptations that the other run has not."""
    own, others = (one.tags.get(_SAID, "").split("; ") for one in (run, other))
    return "; ".join(said for said in own if said not in others) or None


def _figures(old: RunFacts, new: RunFacts) -> tuple[FigureChange, ...]:
    names = {name for name in old.metrics | new.metrics if not name.endswith(_LIMITS)}
    return tuple(
        FigureChange(name=name, old=old.figure(name), new=new.figure(name))
        for name in sorted(names, key=_place)
    )


def _place(name: str) -> tuple[int, str, bool, str, int, str]:
    """Test figures first, in them the nomogram's, in these the estimators in their order."""
    split, group, model, estimator = (name.split("/") + [""] * 3)[:4]
    kinds = [estimator.startswith(shown) for shown in _ESTIMATORS_SHOWN]
    return (
        _SPLITS_IN_ORDER.index(split) if split in _SPLITS_IN_ORDER else len(_SPLITS_IN_ORDER),
        group,
        model != NOMOGRAM,
        model,
        kinds.index(True) if any(kinds) else len(kinds),
        estimator,
    )


def _unknown(old: RunFacts, new: RunFacts, *, cohorts_known: bool) -> tuple[str, ...]:
    said = []
    for run in (old, new):
        if run.protocol is None:
            said.append(f"Run {run.run_id[:8]} holds no protocol: the hashes are compared.")
        if run.software is None:
            said.append(f"Run {run.run_id[:8]} holds no software versions.")
    if not cohorts_known:
        said.append(
            "The cohort tables of both runs are not in this home: who came and who went is not "
            "known by name, only how many there are."
        )
    return tuple(said)


def _leaves(value: Any, path: str = "") -> dict[str, str]:
    """Every value of nested sections under its dotted name; a list is one value."""
    if isinstance(value, dict) and value:
        inner = [_leaves(part, f"{path}.{name}" if path else name) for name, part in value.items()]
        return {name: text for leaves in inner for name, text in leaves.items()}
    return {path: "none" if value is None else str(value)}


def _protocol(old: RunFacts, new: RunFacts) -> tuple[Change, ...]:
    """Leaf by leaf; by their hashes where a run holds no protocol."""
    if old.protocol is None or new.protocol is None:
        hashes = old.tags.get("protocol_hash"), new.tags.get("protocol_hash")
        return _differing([("hash", *hashes)])
    before, after = _leaves(old.protocol), _leaves(new.protocol)
    names = list(dict.fromkeys([*before, *after]))
    return _differing([(name, before.get(name), after.get(name)) for name in names])


def _differing(pairs: list[tuple[str, str | None, str | None]]) -> tuple[Change, ...]:
    return tuple(Change(what=what, old=a, new=b) for what, a, b in pairs if a != b)
