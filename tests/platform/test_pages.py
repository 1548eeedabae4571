"""What MLflow's pages say of a study."""

import json

from components.platform.pages import describe_experiment, model_description
from components.platform.registry import BACKBONE, RECOMMENDER, nomogram_name
from components.study.vocabulary import TreatmentArm


def test_an_experiment_says_what_it_is_and_has_a_view_of_its_retrainings(tracking):
    describe_experiment(tracking, title="Some study", arms=tuple(TreatmentArm))
    describe_experiment(tracking, title="Another title", arms=tuple(TreatmentArm))

    tags = tracking.client.get_experiment(tracking.experiment_id).tags
    assert "Another title" in tags["mlflow.note.content"]
    assert "viewStateShareKey=armwise" in tags["mlflow.note.content"]
    view = json.loads(tags["mlflow.sharedViewState.armwise"])
    for arm in TreatmentArm:
        assert f"metrics.`test/{arm.value}/nomogram/c_harrell`" in view["selectedColumns"]


def test_the_view_s_filter_is_one_that_mlflow_understands(tracking):
    describe_experiment(tracking, title="Some study", arms=tuple(TreatmentArm))
    run_id = tracking.study_run("k", name="study", tags={"armwise.level": "study"})
    tracking.child_run(run_id, "k/trial", name="trial", tags={"armwise.level": "trial"})

    tags = tracking.client.get_experiment(tracking.experiment_id).tags
    view = json.loads(tags["mlflow.sharedViewState.armwise"])
    found = tracking.client.search_runs(
        [tracking.experiment_id],
        filter_string=view["searchFilter"],
        order_by=[f"{view['orderByKey']} DESC"],
    )

    assert [run.info.run_id for run in found] == [run_id]


def test_registered_models_say_what_they_are(tracking, register):
    register("one")

    for name in (RECOMMENDER, *(nomogram_name(arm) for arm in TreatmentArm)):
        described = tracking.client.get_registered_model(name).description
        assert described == model_description(name)
    assert "TACE" in model_description(nomogram_name(TreatmentArm.TACE))
    assert "dl_signature" in model_description(BACKBONE)
