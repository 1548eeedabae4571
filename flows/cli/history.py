"""`armwise history`, `armwise rollback`, `armwise approve`: the pointer and how it moved."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.cli.options import StudyDir, require_store, settings_of, table_console
from flows.environment import prepare_environment
from flows.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.platform.tracking import Store
    from components.promotion.history import HistoryEntry
    from components.promotion.records import ChampionFacts

By = Annotated[str, typer.Option("--by", help="Who decides this; stands in the history.")]


def history(study_dir: StudyDir = None) -> None:
    """Every move of the pointer to the model in use, verified entry by entry."""
    store, _ = _open(study_dir)
    from components.platform.champion import champion_version
    from components.platform.history import read_history
    from components.promotion.history import check_pointer, moved_outside

    entries = read_history(store)
    champion = champion_version(store)
    console = table_console()
    if entries:
        console.print(_table(entries))
    for said in moved_outside(entries):
        console.print(said, markup=False)
    check_pointer(entries, champion)
    if not entries:
        console.print("Nothing was ever promoted: there is no champion and no history.")
        return
    console.print(
        f"The champion is version {champion} of armwise-recommender. All {len(entries)} entries "
        f"are as they were written (the last one's sha256: {entries[-1].sha256[:16]}).",
        markup=False,
    )


def rollback(
    to: Annotated[
        str | None,
        typer.Option("--to", help="An earlier champion's version. Default: the one before."),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; stands in the history.")
    ] = "no reason given",
    by: By = "operator",
    study_dir: StudyDir = None,
) -> None:
    """Puts the version before back into use, in one step; recorded in the history."""
    store, settings = _open(study_dir)
    from components.platform.champion import champion_version
    from components.platform.rollback import roll_back

    before = champion_version(store)
    facts = roll_back(store, home=settings.home_path, to=to, reason=reason, by=by)
    _say(f"Rolled back from version {before} to version {facts.recommender_version}", facts)


def approve(
    version: Annotated[str, typer.Argument(help="Version of armwise-recommender.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the history.")],
    by: By,
    study_dir: StudyDir = None,
) -> None:
    """Puts a version into use that the gate did not promote, on a person's word; recorded."""
    store, settings = _open(study_dir)
    from components.platform.rollback import approve as approve_version

    facts = approve_version(store, version, home=settings.home_path, reason=reason, by=by)
    _say(f"Version {facts.recommender_version} is in use, approved by {by}", facts)


def _open(study_dir: StudyDir) -> "tuple[Store, Settings]":
    """The store of the study, with what a killed command had begun made good."""
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    require_store(settings)
    from components.platform.champion import repair
    from components.platform.tracking import Store

    store = Store(settings.mlflow_uri)
    for said in repair(store, home=settings.home_path):
        table_console().print(said, markup=False)
    return store, settings


def _table(entries: "Sequence[HistoryEntry]") -> Table:
    table = Table(box=None, title="Moves of armwise-recommender@champion", title_justify="left")
    table.add_column("No.", justify="right", no_wrap=True)
    for head in ("When (UTC)", "What", "From", "To", "By"):
        table.add_column(head, no_wrap=head != "By")
    table.add_column("Reason", overflow="fold")
    for entry in reversed(entries):
        when = entry.when.replace("T", " ").removesuffix("+00:00")
        table.add_row(
            str(entry.number), when, entry.kind, entry.from_version or "–", entry.to_version,
            entry.by, entry.reason,
        )  # fmt: skip
    return table


def _say(what: str, facts: "ChampionFacts") -> None:
    arms = ", ".join(f"{arm.label} {version}" for arm, version in facts.nomogram_versions.items())
    backbone = facts.backbone_version or "none"
    console = table_console()
    console.print(f"{what}. Nomograms: {arms}; backbone: {backbone}.", markup=False)
    console.print("It is recorded: `armwise history`. A running server is told by a restart.")
