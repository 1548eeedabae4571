"""Versions of the data in the terminal: the history, a difference, where a version is held."""

from collections.abc import Collection, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from components.cohort.table_diff import CohortDiff, OutcomeChange, patients_changed
from components.platform.data_history import KnownVersion
from components.platform.data_stores import Held, named_files
from components.platform.trained_models import TrainedModel
from components.study.vocabulary import TreatmentArm

_NAMED = 12
_PARTS = {
    "arterial": "arterial CT",
    "portal_venous": "portal venous CT",
    "roi": "ROI",
}


def counted(n: int, one: str, many: str | None = None) -> str:
    """`1 patient`, `3 patients`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def listed(patients: Sequence[str]) -> str:
    """The first pseudonyms, and how many more there are."""
    more = f" and {len(patients) - _NAMED} more" if len(patients) > _NAMED else ""
    return ", ".join(patients[:_NAMED]) + more


def render_history(
    versions: Sequence[KnownVersion],
    *,
    current: str | None,
    held: Mapping[str, str],
    models: Mapping[str, Sequence[TrainedModel]],
) -> Table:
    """The versions, oldest first.

    Args:
        versions: The history.
        current: The version in `data.dvc`.
        held: By md5 where it is held, in words.
        models: By md5 the models that were trained on it.
    """
    table = Table(box=None, title="Versions of the data, oldest first", title_justify="left")
    table.add_column("No.", justify="right", no_wrap=True)
    for head in ("Since (UTC)", "Version"):
        table.add_column(head, no_wrap=True)
    table.add_column("What is new", overflow="fold")
    table.add_column("Patients (deaths)", no_wrap=True)
    table.add_column("Held by", overflow="fold")
    table.add_column("Models", overflow="fold")
    for one in versions:
        number = f"{one.number}*" if one.md5 == current else str(one.number)
        arms = [
            f"{_arm(arm)} {n}" + (f" ({one.deaths[arm]})" if arm in one.deaths else "")
            for arm, n in one.patients.items()
        ]
        kept = f"no longer reproducible: {one.lost}" if one.lost else held.get(one.md5, "")
        trained = [model.title for model in models.get(one.md5, ())]
        when = one.when.replace("T", " ").removesuffix("+00:00")[:16]
        table.add_row(
            number, when, one.short, one.message, "\n".join(arms) or "–", kept,
            "\n".join(trained) or "–",
        )  # fmt: skip
    table.caption = "* in data.dvc now"
    table.caption_justify = "left"
    return table


def held_in_words(places: Mapping[str, Held]) -> str:
    """Where a version is held: `cache, remote 'local'`; what is not whole is counted."""
    said = []
    for name, held in places.items():
        short = name.removeprefix("the ")
        if held.is_whole:
            said.append(short)
        elif held.damaged:
            said.append(f"{short}: {len(held.damaged)} damaged")
        else:
            said.append(f"{short}: {len(held.missing)} missing")
    return ", ".join(said)


def tell_held(console: Console, name: str, held: Held, *, read: bool) -> None:
    """Whether a remote holds a version whole, in a sentence."""
    said = []
    if held.missing:
        said.append(f"lacks {counted(len(held.missing), 'file')}: {named_files(held.missing)}")
    if held.damaged:
        said.append(f"holds {counted(len(held.damaged), 'file')} damaged: ")
        said[-1] += named_files(held.damaged)
    whole = "holds it whole, every byte read and right" if read else "has every file (not read)"
    console.print(f"{name[0].upper()}{name[1:]} {'; '.join(said) or whole}.", markup=False)


def tell_diff(console: Console, diff: CohortDiff, *, values: bool) -> None:
    """What changed, for somebody who knows the patients and not the files.

    Args:
        console: The terminal.
        diff: The difference.
        values: Whether cells are shown before and after.
    """
    if diff.is_empty:
        console.print("Nothing differs: no patient, no value, no image.")
        return
    _tell_moved(console, diff)
    _tell_patients(console, diff)
    _tell_outcomes(console, diff, values=values)
    _tell_columns(console, diff, values=values)
    _tell_images(console, diff)
    if diff.other_files:
        console.print(f"Other files: {', '.join(diff.other_files)}.", markup=False)
    if diff.repeated:
        console.print(
            f"Standing more than once in a table, so that the first row was compared: "
            f"{listed(diff.repeated)}.",
            markup=False,
        )


def _tell_moved(console: Console, diff: CohortDiff) -> None:
    if not diff.moved:
        console.print("Split: nobody moved.")
        return
    console.print(
        f"ATTENTION, the split: {counted(len(diff.moved), 'patient')} changed place, which must "
        "never happen: test patients were trained on, or the other way round.",
        style="bold red",
        markup=False,
    )
    for one in diff.moved[:_NAMED]:
        now = one.new or "no place at all"
        console.print(f"  {one.patient_id}: {one.old} before, {now} now", markup=False)


def _tell_patients(console: Console, diff: CohortDiff) -> None:
    for patients, what in ((diff.joined, "joined"), (diff.left, "left")):
        if patients:
            who = counted(len(patients), "patient")
            console.print(f"{who} {what}: {listed(patients)}.", markup=False)
    n = len(patients_changed(diff))
    others = "of the others " if diff.joined or diff.left else ""
    console.print(f"Something changed in {counted(n, 'patient')} {others}".rstrip() + ".")


def _tell_outcomes(console: Console, diff: CohortDiff, *, values: bool) -> None:
    kinds = dict.fromkeys((one.what, one.is_backward) for one in diff.outcomes)
    for what, is_backward in sorted(kinds, key=lambda kind: not kind[1]):
        own = [one for one in diff.outcomes if one.what == what]
        mark = "ATTENTION, outcome" if is_backward else "Outcome"
        said = f"{mark}: {counted(len(own), 'patient')} {what}: "
        said += listed([one.patient_id for one in own]) + "."
        console.print(said, style="bold red" if is_backward else "", markup=False)
        for one in own if values else ():
            console.print(f"  {one.patient_id}: {_outcome(one)}", markup=False)


def _outcome(one: OutcomeChange) -> str:
    before, after = (
        f"{'dead' if death == 1 else 'alive'} at day {days:g}"
        if days is not None and death is not None
        else "unknown"
        for days, death in (
            (one.old_days, one.old_death),
            (one.new_days, one.new_death),
        )
    )
    return f"{before} before, {after} now"


def _tell_columns(console: Console, diff: CohortDiff, *, values: bool) -> None:
    for names, what in ((diff.columns_added, "New columns"), (diff.columns_removed, "Gone")):
        if names:
            console.print(f"{what}: {', '.join(names)}.", markup=False)
    if not diff.columns:
        return
    table = Table(box=None, title="Values that changed", title_justify="left", pad_edge=False)
    for head in ("Table", "Column", "Patients", "Who"):
        table.add_column(head, overflow="fold", no_wrap=head == "Patients")
    for one in diff.columns:
        who = listed([cell.patient_id for cell in one.cells])
        if values:
            who = "\n".join(
                f"{cell.patient_id}: {_cell(cell.old)} → {_cell(cell.new)}" for cell in one.cells
            )
        table.add_row(one.table, one.column, str(len(one.cells)), who)
    console.print(table)


def _cell(text: str | None) -> str:
    return "empty" if text is None else text


def _tell_images(console: Console, diff: CohortDiff) -> None:
    known: Collection[str] = {*diff.joined, *diff.left}
    own = [one for one in diff.images if one.patient_id not in known]
    for part, how in dict.fromkeys((one.part, one.how) for one in own):
        patients = [one.patient_id for one in own if (one.part, one.how) == (part, how)]
        said = _PARTS.get(part, part.replace("roi_reader", "ROI of reader "))
        console.print(
            f"Images: {said} {how} in {counted(len(patients), 'patient')}: {listed(patients)}.",
            markup=False,
        )


def _arm(value: str) -> str:
    return TreatmentArm(value).label if value in set(TreatmentArm) else value
