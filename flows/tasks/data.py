"""Step `data`: which data this retraining reads. Asked anew each time, never from a cache."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from components.intake.demo import DEMO_SEED, DEMO_SIZES, write_demo
from components.intake.demo_version import DEMO_MD5
from components.platform.data_version import DataVersion, resolve
from components.platform.withdrawal_ledger import require_finished
from components.study.protocol import SplitSection, read_protocol
from flows.data_versions import refuse_withdrawn, remember, remember_recorded
from flows.settings import PROTOCOLS, Settings
from flows.terminal import current_display


@task(name="resolve-data", cache_policy=NO_CACHE)
def resolve_data(settings: Settings) -> DataVersion:
    """The version of the data in the workspace: there, pulled and verified, or the demo made again.

    It is written into the history of the data.

    Raises:
        DataError: There are no data and no way to get the recorded version, or they hold a patient
            who has withdrawn.
        PlatformError: DVC or its remote did not do its part.
    """
    require_finished(settings.home_path)
    remember_recorded(settings)
    with current_display().step("Data version") as progress:

        def make_again(root: Path) -> None:
            write_demo(
                root,
                seed=DEMO_SEED,
                n_by_arm=DEMO_SIZES,
                split=demo_split(),
                workers=settings.workers,
                on_progress=lambda done, total: progress.update(done, total, "phantoms"),
            )

        with current_display().platform("DVC"):
            version = resolve(settings.study_path, make_again=make_again, demo_md5=DEMO_MD5)
        refuse_withdrawn(settings)
        remember(settings, version)
        if version.adaptation is not None:
            current_display().console.print(
                f"    {version.adaptation.why}: data.dvc now records {version.md5}. To go back: "
                "armwise data pull previous --force"
            )
        progress.note = f"{version.md5[:12]}, {version.n_files} files ({version.source})"
    return version


def demo_split() -> SplitSection:
    """How the demo cohort is split: as its protocol says."""
    return read_protocol(PROTOCOLS / "demo.yaml").split
