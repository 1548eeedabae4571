"""Step `nomograms`, asked directly."""

from components.study.protocol import read_protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import DataOrigin, SignatureState, TreatmentArm
from flows.settings import PROTOCOLS
from flows.tasks.nomograms import draw_nomograms
from flows.tasks.signature import no_signature
from tests.arms.conftest import draw_arm, fit


def test_an_arm_without_a_predictor_has_no_nomogram_and_the_others_keep_theirs(tmp_path):
    protocol = read_protocol(PROTOCOLS / "smoke.yaml")
    bare = protocol.clinical.model_copy(
        update={"predictors": {TreatmentArm.HEPATECTOMY: (), TreatmentArm.TACE: ()}}
    )
    train, test = draw_arm(80, seed=1, prefix="TR"), draw_arm(30, seed=2, prefix="TE")
    full = fit(protocol, train, test, signature=SignatureState.ABSENT)
    empty = fit(protocol, train, test, signature=SignatureState.ABSENT, clinical=bare)
    arms = {
        "hepatectomy": full.model_dump(mode="json", by_alias=True),
        "tace": empty.model_copy(update={"arm": TreatmentArm.TACE}).model_dump(
            mode="json", by_alias=True
        ),
    }
    train["arm"], train["split"] = "hepatectomy", "train"
    train.to_parquet(tmp_path / "cohort.parquet")
    result = draw_nomograms.fn(
        "nomograms",
        "key",
        cohort={"table": ArtifactRef.of(tmp_path / "cohort.parquet").model_dump()},
        signature=no_signature(),
        arms={"arms": arms},
        protocol=protocol,
        origin=DataOrigin.SYNTHETIC,
        folder=tmp_path / "drawn",
    )
    assert list(result["nomograms"]) == ["hepatectomy"]
    (said,) = result["adaptations"]
    assert "TACE" in said["done"]
    assert "no predictor" in said["why"]
