"""Heat maps within a run, and what goes to MLflow."""

from components.networks.heat_records import HeatMaps
from components.platform.data_version import file_md5s
from flows.context import StudyRun
from flows.tasks.heat_maps import map_heat
from flows.terminal import current_display

_ANSWERS = {True: "passed", False: "not passed", None: "not assessable"}


def heat_step(run: StudyRun) -> None:
    """Maps where the refit network looks."""
    result = run.run(
        "heat_maps",
        map_heat,
        dataset=run.dataset,
        cohort=run.results["cohort"],
        crops=run.results["crops"],
        search=run.results["search"],
        refit=run.results["refit"],
        protocol=run.protocol,
        file_md5s=file_md5s(run.settings.study_path),
        folder=run.folder("heat_maps"),
        masks_folder=run.cache("crops"),
        on_test_reading=run.note_test_reading,
    )
    maps = HeatMaps.model_validate(result["maps"])
    with current_display().platform("MLflow"):
        run.tracking.log_metrics(run.run_id, maps.metrics())
        run.tracking.log_folder(run.run_id, run.folder("heat_maps"), folder="heat_maps")
        run.tracking.set_tags(run.run_id, {"armwise.heat_maps_check": _ANSWERS[maps.check.passed]})
