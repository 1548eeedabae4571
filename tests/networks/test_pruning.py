from components.networks.pruning import keep_networks_of
from components.networks.records import Configuration, SearchResult, TrialResult, TuningPlan
from components.study.results import ArtifactRef


def trial(number, folder):
    path = folder / f"{number}.safetensors"
    path.write_bytes(b"weights")
    configuration = Configuration(
        backbone="resnet18", number=number, learning_rate=1e-3, weight_decay=0.0, dropout=0.0,
        label_smoothing=0.0,
    )  # fmt: skip
    return TrialResult(
        configuration=configuration, status="finished", epochs_done=2, history=(), seconds=1.0,
        oof_scores=(0.5,), fold_networks=(ArtifactRef.of(path),),
    )  # fmt: skip


def test_only_the_chosen_trial_keeps_its_networks(tmp_path):
    trials = tuple(trial(number, tmp_path) for number in range(3))
    result = SearchResult(
        trials=trials, patient_ids=("P",), fold_of=(0,), total_epochs=2,
        tuning=TuningPlan(arms={}, adaptations=()), device="cpu", mixed_precision=False,
        adaptations=(),
    )  # fmt: skip
    kept = keep_networks_of(result, trials[1].configuration)
    assert [len(one.fold_networks) for one in kept.trials] == [0, 1, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["1.safetensors"]
    assert [one.oof_scores for one in kept.trials] == [one.oof_scores for one in trials]
