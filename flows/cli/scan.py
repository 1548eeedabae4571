"""`armwise scan`: proves that no known identity stands in the data or in what was made of them."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from components.errors import DataError, IntegrityError, UsageError
from flows.cli.options import StudyDir, settings_of
from flows.settings import Settings
from flows.terminal import RunDisplay

if TYPE_CHECKING:
    from components.intake.identity_scan import FileScan, Scan
    from components.intake.identity_scan_words import Word

_KEY_FILE = "import_key.csv"
_MOST_SHOWN = 200
_WORTH_SHARING = 64 << 20
_MEGABYTE = 1_000_000


def scan(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="What is searched. Default: data, its versions, and the home."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="The import key. Default: the one in the home.")
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option("--words", help="Further identities: names, numbers, dates, one a line."),
    ] = None,
    study_dir: StudyDir = None,
) -> None:
    """Looks for the patients' identities in the data, caches, logs, databases and artifacts."""
    settings = settings_of(study_dir=study_dir)
    key_path = key or settings.home_path / _KEY_FILE
    wanted = _words(key_path, words, must_have_key=key is not None)
    places = _places(settings, folders)
    console = Console(highlight=False)

    from components.intake.identity_scan import limits

    console.print(f"[bold]armwise scan[/bold]  {len(wanted)} words", markup=True)
    for sentence in limits(wanted):
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    left_out = [path for path in (key_path, words) if path is not None]
    with RunDisplay(console) as display:
        done = _searched(places, wanted, left_out, settings, display)
    if settings.tracking_uri is not None:
        console.print(f"  not searched: the MLflow server at {settings.tracking_uri}", markup=False)
    _tell(done, console)


def _words(key: Path, words: Path | None, *, must_have_key: bool) -> "list[Word]":
    """What is looked for.

    Raises:
        UsageError: There is nothing to look for.
    """
    from components.intake.identity_key import read_import_key
    from components.intake.identity_scan_words import read_words, words_of_key

    rows = read_import_key(key)
    if not rows and (must_have_key or words is None):
        msg = (
            f"expected the import key of the patients at {key}, found none; name it with --key, or "
            "give a list of identities with --words"
        )
        raise UsageError(msg)
    return words_of_key(rows) + (read_words(words) if words is not None else [])


def _places(settings: Settings, folders: list[Path] | None) -> list[Path]:
    for folder in folders or ():
        if not folder.exists():
            msg = f"expected a folder or file at {folder}, found none"
            raise UsageError(msg)
    study = settings.study_path
    own = [settings.data_path, study / "data.dvc", study / ".dvc", settings.home_path]
    places = [folder.resolve() for folder in folders] if folders else own
    there = [place for place in dict.fromkeys(places) if place.exists()]
    if not there:
        msg = f"expected a study at {study}, found neither data nor home; name --study-dir"
        raise UsageError(msg)
    return [
        place
        for place in there
        if not any(place != other and place.is_relative_to(other) for other in there)
    ]


def _searched(
    places: Sequence[Path],
    words: "Sequence[Word]",
    left_out: Sequence[Path],
    settings: Settings,
    display: RunDisplay,
) -> "Scan":
    from components.intake.identity_scan import list_files, scan_files

    root = settings.study_path
    with display.step("Listing files") as step:
        listing = list_files(places, words, root=root, leave_out=left_out)
        step.note = f"{len(listing.files)} files, {listing.n_bytes / _MEGABYTE:,.0f} MB"
    workers = settings.workers if listing.n_bytes > _WORTH_SHARING else 1
    with display.step("Searching") as step, _shared(workers) as mapped:

        def progress(done: int, total: int) -> None:
            step.update(done // _MEGABYTE, total // _MEGABYTE, "MB")

        done = scan_files(listing, words, root=root, map=mapped, on_progress=progress)
        step.note = f"{done.n_files} files, {done.n_parts} parts in them"
    return done


@contextmanager
def _shared(workers: int) -> "Iterator[Callable[..., Iterable[FileScan]]]":
    """A `map` over so many processes; each file is read by one."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:

        def mapped(function: Any, files: Iterable[Path]) -> Iterator["FileScan"]:
            return pool.map(function, files, chunksize=4)

        yield mapped


def _tell(done: "Scan", console: Console) -> None:
    """Every finding, and how the search ended.

    Raises:
        IntegrityError: An identity was found.
        DataError: Something could not be looked into.
    """
    for lines in (list(map(str, done.found)), [f"not searched: {one}" for one in done.unread]):
        for line in lines[:_MOST_SHOWN]:
            console.print(f"  {line}", markup=False, soft_wrap=True)
        if len(lines) > _MOST_SHOWN:
            console.print(f"  and {len(lines) - _MOST_SHOWN} more")
    if done.found:
        n_files = len({one.file for one in done.found})
        where = "1 file" if n_files == 1 else f"{n_files} files"
        msg = (
            f"identities stand in {where} ({len(done.found)} findings). Pass none of them "
            "on; remove the cause in the source or the mapping, then import again, and take what "
            "holds them out of the caches and of older data versions"
        )
        raise IntegrityError(msg)
    if done.unread:
        msg = (
            f"nothing was found, but {len(done.unread)} places could not be looked into: for them "
            "nothing is proved. Remove or repair them, then scan again"
        )
        raise DataError(msg)
    console.print(f"No identity found in {done.n_files} files.")
