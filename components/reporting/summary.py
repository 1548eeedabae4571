"""The end of a run in the terminal: what was found, what was promoted, where to look."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from components.arms.records import ArmModels
from components.cohort.eligibility import Excluded
from components.networks.arm_signal import signal_sentence
from components.networks.honesty_records import NetworkChecks
from components.networks.records import BackboneChoice
from components.promotion.records import Decision
from components.reporting.flow_diagram import PartCount
from components.reporting.nested_summary import nested_lines
from components.reporting.records import DataSummary
from components.reporting.summary_section import NULL_SIGNATURE
from components.reporting.wording import ABSENT, MODEL_NAMES, SPLIT_NAMES, count_text, seconds_text
from components.signature.nested_records import NestedSignature
from components.study.results import Adaptation, Estimate, Quarantined
from components.study.vocabulary import DataOrigin, SignatureState, Split

_NAMED = 10
_VERDICT_STYLES = {
    "promote": "bold green",
    "cannot decide": "bold yellow",
    "worse": "bold red",
    "refused": "bold red",
}


@dataclass(frozen=True, kw_only=True)
class SummaryContent:
    """What the last lines of a run say.

    Attributes:
        choice: None where a run has no networks.
        decision: None where nothing was published.
        excluded: Who was left out by a rule of eligibility.
        departures: What the profile `sound` would have done otherwise, in one line.
        network_checks: What the search's figure is worth, where that was judged.
        nested: What given features are worth, where that was judged: it stands first.
        notes: What a reader must know of the tables that were read.
        places: Where to look, by what is there: report, nomograms, MLflow run.
        commands: Commands to type next, by what they do.
    """

    title: str
    data: DataSummary
    parts: tuple[PartCount, ...]
    arms: tuple[ArmModels, ...]
    adaptations: tuple[Adaptation, ...]
    quarantined: tuple[Quarantined, ...]
    seconds: float
    platform_seconds: float
    choice: BackboneChoice | None = None
    decision: Decision | None = None
    excluded: tuple[Excluded, ...] = ()
    departures: str | None = None
    nested: NestedSignature | None = None
    network_checks: NetworkChecks | None = None
    notes: tuple[str, ...] = ()
    places: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)


def render_summary(content: SummaryContent) -> Group:
    """The summary for a rich console; what the features are worth, or a null signature, first."""
    lines: list[RenderableType] = []
    if content.nested is not None:
        lines += [*nested_lines(content.nested), Text()]
    said = _signal(content.choice)
    if said is not None:
        lines.append(Text(said, style="bold yellow"))
    if content.arms[0].signature is SignatureState.NULL:
        lines.append(Text(NULL_SIGNATURE, style="bold yellow"))
    lines += [Text(content.title, style="bold"), _cohort(content), Text()]
    if content.choice is not None:
        lines += [_backbones(content.choice, content.network_checks), Text()]
    lines += [_models(content.arms), Text()]
    if content.decision is not None:
        lines += _decision(content.decision)
    lines += _left_out(content)
    lines += _listed("Notes", content.notes)
    lines += _adaptations(content)
    if content.departures is not None:
        lines.append(Text(content.departures, style="yellow"))
    lines += [Text(), _pairs(content.places), Text(), _pairs(content.commands, style="cyan")]
    spent, platforms = seconds_text(content.seconds), seconds_text(content.platform_seconds)
    lines.append(Text(f"{spent} in all, {platforms} of it the platforms", style="dim"))
    return Group(*lines)


def _signal(choice: BackboneChoice | None) -> str | None:
    row = None if choice is None else choice.chosen_row
    return None if row is None or row.signal is None else signal_sentence(row.signal)


def _cohort(content: SummaryContent) -> Text:
    n, deaths = sum(p.n for p in content.parts), sum(p.n_events for p in content.parts)
    line = Text(f"{n} patients, {deaths} deaths")
    for arm in dict.fromkeys(part.arm for part in content.parts):
        own = {part.split: part.n for part in content.parts if part.arm == arm}
        sizes = f"{own.get(Split.TRAIN, 0)} training, {own.get(Split.TEST, 0)} test"
        line.append(f"; {arm.label} {sizes}")
    if content.quarantined:
        line.append(f"; {len(content.quarantined)} set aside")
    line.append(f"\ndata version {content.data.md5}")
    if content.data.origin is DataOrigin.SYNTHETIC:
        line.append("  synthetic: these patients do not exist", style="yellow")
    return line


def _honest(checks: NetworkChecks | None) -> str:
    if checks is None or checks.nested is None:
        return ""
    return f"\nhonest (nested cross-validation): target {_short(checks.nested.estimate)}"


def _backbones(choice: BackboneChoice, checks: NetworkChecks | None) -> RichTable:
    table = _table("Backbones, out of fold (95% interval)")
    table.add_column("Backbone", no_wrap=True)
    arms = list(choice.rows[0].within_arm_auc) if choice.rows else []
    heads = ["Target", *(f"AUC, {arm.label}" for arm in arms), "AUC, pooled", "Arm alone"]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for row in choice.rows:
        cells = [*(row.within_arm_auc[arm] for arm in arms), row.pooled_auc, row.arm_only_auc]
        table.add_row(
            f"{row.backbone}{' *' if row.is_chosen else ''}",
            _value(row.tuning_target),
            *(_short(cell) for cell in cells),
            style="bold" if row.is_chosen else None,
        )
    table.caption = f"* selected: {choice.reason}{_honest(checks)}"
    return table


def _models(arms: tuple[ArmModels, ...]) -> RichTable:
    table = _table("Cox models: Harrell's C (95% interval)")
    for head in ("Arm", "Model"):
        table.add_column(head, no_wrap=True)
    for split in Split:
        table.add_column(SPLIT_NAMES[split], justify="right", no_wrap=True)
    for arm in arms:
        for kind in arm.kinds:
            found = {one.split: one for one in arm.evaluations if one.kind is kind}
            cells = [
                _short(found[split].estimates.get("c_harrell") if split in found else None)
                for split in Split
            ]
            is_nomogram = kind is arm.nomogram_kind
            name = f"{MODEL_NAMES[kind]}{' *' if is_nomogram else ''}"
            table.add_row(arm.arm.label, name, *cells, style="bold" if is_nomogram else None)
    table.caption = "* the arm's nomogram"
    return table


def _table(title: str) -> RichTable:
    return RichTable(title=title, title_justify="left", caption_justify="left", box=None)


def _short(estimate: Estimate | None) -> str:
    """The estimate in the width that a terminal has."""
    return ABSENT if estimate is None else estimate.text().replace(" to ", "–")


def _value(estimate: Estimate) -> str:
    return ABSENT if estimate.value is None else f"{estimate.value:.3f}"


def _decision(decision: Decision) -> list[RenderableType]:
    heading = Text("Promotion: ").append(decision.verdict, _VERDICT_STYLES[decision.verdict])
    return [heading, *(Padding(Text(reason), (0, 0, 0, 2)) for reason in decision.reasons)]


def _left_out(content: SummaryContent) -> list[RenderableType]:
    held = [f"{one.patient_id}: {one.reason}" for one in content.quarantined]
    by_rule: dict[str, list[str]] = {}
    for one in content.excluded:
        by_rule.setdefault(one.rule, []).append(one.patient_id)
    rules = [
        f"{rule}: not met by {', '.join(patients[:_NAMED])}"
        + (f" and {len(patients) - _NAMED} more" if len(patients) > _NAMED else "")
        for rule, patients in by_rule.items()
    ]
    return [
        *_listed(f"Quarantined: {count_text(len(held), 'patient')}", held),
        *_listed(f"Excluded: {count_text(len(content.excluded), 'patient')}", rules),
    ]


def _adaptations(content: SummaryContent) -> list[RenderableType]:
    if not content.adaptations:
        return [Text("Adaptations: none")]
    said = [f"{one.step}: {one.done} ({one.why})" for one in content.adaptations]
    return _listed(f"Adaptations: {count_text(len(said), 'place')}", said)


def _listed(heading: str, lines: Sequence[str]) -> list[RenderableType]:
    """A heading and its lines, nothing where there are none."""
    return [Text(heading), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)] if lines else []


def _pairs(pairs: dict[str, str], style: str = "") -> Text:
    """Names and values in two columns; a long path stays in one piece, to be copied."""
    width = max(map(len, pairs), default=0)
    lines = [Text.assemble(f"{name:<{width}}  ", (value, style)) for name, value in pairs.items()]
    return Text("\n", no_wrap=True, overflow="ignore").join(lines)
