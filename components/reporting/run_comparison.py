"""Retrainings in the terminal: a table of them, and two of them side by side."""

from collections.abc import Sequence
from pathlib import PurePath

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.promotion.retrainings import (
    Change,
    CohortChange,
    Comparison,
    Figure,
    FigureChange,
    RunFacts,
    is_selected,
)
from components.reporting.wording import ABSENT, MODEL_NAMES, count_text, estimator_text
from components.study.results import NOMOGRAM, metric_name
from components.study.vocabulary import TreatmentArm

_NAMED = 20
_MODELS = {NOMOGRAM: "Nomogram", **{kind.value: name for kind, name in MODEL_NAMES.items()}}
_STATUS_STYLES = {"finished": "green", "failed": "red", "killed": "red", "running": "yellow"}


def render_runs(runs: Sequence[RunFacts], *, champion: str | None) -> Table:
    """The retrainings, two lines each.

    Args:
        runs: In the order of the table.
        champion: The recommender version that the pointer stands on.
    """
    arms = list(dict.fromkeys(arm for run in runs for arm in run.arms()))
    table = Table(box=None, title="Retrainings, newest first", title_justify="left", pad_edge=False)
    heads = ["Started\n(UTC)", "Run\nname", "Data\npatients", "Protocol\nprofile", "Status\ngate"]
    heads += ["Version\nbackbone", *(f"{_arm(arm)}\nC, interval" for arm in arms)]
    for head in heads:
        table.add_column(head, no_wrap=True)
    for run in runs:
        table.add_row(*_run_cells(run, champion), *(_c_cell(run, arm) for arm in arms))
    table.caption = "C: Harrell's C of the arm's nomogram, test patients, 95% interval"
    table.caption_justify = "left"
    return table


def render_comparison(
    comparison: Comparison, old: RunFacts, new: RunFacts, *, everything: bool
) -> Group:
    """What changed from `old` to `new`, and their figures; all of these where `everything`."""
    parts: list[RenderableType] = [_heading("From", old), _heading("to", new), Text()]
    parts += _section("Data", comparison.data)
    if comparison.cohort is not None:
        parts += _cohort(comparison.cohort)
    parts += _section("Protocol", comparison.protocol)
    parts += _section("Code", comparison.code)
    parts += _section("Outcome", comparison.outcome)
    parts += [_indented(Text(said, style="yellow")) for said in comparison.unknown]
    chosen = [one for one in comparison.figures if everything or is_selected(one.name)]
    parts += [Text(), _figures(chosen)]
    hidden = len(comparison.figures) - len(chosen)
    if hidden:
        parts.append(Text(f"{hidden} further figures: --all", style="dim"))
    return Group(*parts)


def _run_cells(run: RunFacts, champion: str | None) -> list[Text]:
    day, _, minute = run.started.partition(" ")
    status = run.status.lower()
    is_champion = run.version is not None and run.version == champion
    version = f"{run.version or ABSENT}{' champion' if is_champion else ''}"
    count = run.params.get("n_patients")
    return [
        _lines(day, minute),
        _lines(run.run_id[:8], run.name),
        _lines(run.tags.get("data_md5", ABSENT)[:10], f"n = {count}" if count else ABSENT),
        _lines(PurePath(run.params.get("protocol", ABSENT)).stem, run.tags.get("profile", ABSENT)),
        _lines(status, run.tags.get("armwise.gate", ABSENT), style=_STATUS_STYLES.get(status, "")),
        _lines(version, run.params.get("backbone", ABSENT), style="bold" if is_champion else ""),
    ]


def _c_cell(run: RunFacts, arm: str) -> Text:
    figure = run.figure(metric_name("test", arm, NOMOGRAM, "c_harrell"))
    if figure is None:
        return Text(ABSENT)
    value, _, interval = figure.text().partition(" ")
    return _lines(value, interval.strip("()"))


def _lines(first: str, second: str, *, style: str = "") -> Text:
    return Text.assemble((first, style), "\n", (second, "dim"))


def _heading(word: str, run: RunFacts) -> Text:
    version = f", version {run.version}" if run.version else ""
    said = f" {run.run_id[:8]}  {run.name}, {run.started} UTC, {run.status.lower()}{version}"
    return Text.assemble((f"{word:<4}", "dim"), (said, "bold"))


def _section(title: str, changes: Sequence[Change]) -> list[RenderableType]:
    if not changes:
        return [Text.assemble((title, "bold"), ": no difference found")]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for change in changes:
        table.add_row(change.what, f"{change.old or ABSENT} \u2192 {change.new or ABSENT}")
    return [Text(title, style="bold"), _indented(table)]


def _cohort(cohort: CohortChange) -> list[RenderableType]:
    rows = {"came": cohort.came, "went": cohort.went, "changed arm or split": cohort.moved}
    said = [
        f"{count_text(len(who), 'patient')} {what}: {_names(who)}"
        for what, who in rows.items()
        if who
    ]
    return [_indented(Text(line)) for line in said or ["the same patients, arms and split"]]


def _names(patients: Sequence[str]) -> str:
    more = f" and {len(patients) - _NAMED} more" if len(patients) > _NAMED else ""
    return ", ".join(patients[:_NAMED]) + more


def _figures(changes: Sequence[FigureChange]) -> Table:
    table = Table(box=None, title="Figures (95% interval)", title_justify="left", pad_edge=False)
    table.add_column("Figure", overflow="fold")
    for head in ("From", "To", "Difference"):
        table.add_column(head, justify="right", no_wrap=True)
    for change in changes:
        difference = change.difference
        table.add_row(
            _figure_name(change.name),
            _figure_text(change.old),
            _figure_text(change.new),
            ABSENT if difference is None else f"{difference:+.3f}".replace("-", "\u2212"),
        )
    table.caption = (
        "A difference is To minus From, no test: the patients may be others. Models on the same "
        "patients are compared by the gate, whose reasons are in the report."
    )
    table.caption_justify = "left"
    return table


def _figure_name(name: str) -> str:
    parts = name.split("/")
    if len(parts) != 4:
        return name
    split, group, model, estimator = parts
    known = _MODELS.get(model, model.replace("_", " "))
    what = estimator_text(estimator).replace("_", " ")
    return f"{split}, {_arm(group)}, {known}: {what}"


def _figure_text(figure: Figure | None) -> str:
    return ABSENT if figure is None else figure.text()


def _arm(arm: str) -> str:
    names = {one.value: one.label for one in TreatmentArm}
    return names.get(arm, arm.replace("_", " "))


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2))
