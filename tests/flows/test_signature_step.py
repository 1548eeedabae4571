"""What the step `signature` says of its folds."""

import numpy as np

from components.signature.signature import fit_signature
from components.study.protocol import read_protocol
from components.survival.target import SurvivalTarget
from flows.settings import PROTOCOLS
from flows.tasks.signature import _adaptations


def test_merged_strata_of_the_penalty_s_folds_are_said():
    """Three deaths in one arm, two in the other: fewer than the five folds."""
    rng = np.random.default_rng(2)
    section = read_protocol(PROTOCOLS / "smoke.yaml").signature.model_copy(update={"cv_folds": 5})
    arms = np.repeat(["hepatectomy", "tace"], 60)
    event = np.zeros(120, dtype=bool)
    event[[0, 5, 9, 60, 77]] = True
    features = rng.normal(size=(120, 6))
    features[event, 0] += 3
    days = np.where(event, rng.uniform(1, 50, 120), rng.uniform(60, 900, 120))
    signature = fit_signature(
        features, SurvivalTarget.of(days, event), arms, section=section, network_id="n", rng=rng
    )
    assert len(signature.merged_strata) == 2
    (said,) = _adaptations(signature, is_null=False, n_folds=5)
    assert all(name in said.done for name in signature.merged_strata)
    assert said.why == "each has fewer than 5 patients"
    null, merged = _adaptations(signature, is_null=True, n_folds=5)
    assert "null" in null.why
    assert merged == said
