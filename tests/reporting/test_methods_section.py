"""The methods in words follow the protocol and what was fitted."""

from dataclasses import replace

from components.reporting.blocks import Bullets
from components.reporting.methods_of_images import radiomics_said
from components.reporting.methods_section import methods_section
from components.study.protocol import read_protocol
from components.study.vocabulary import ModelKind
from flows.settings import PROTOCOLS


def said(content):
    section = methods_section(content)
    return " ".join(
        one for block in section.blocks if isinstance(block, Bullets) for one in block.items
    )


def with_clinical(content, **changes):
    clinical = content.protocol.clinical.model_copy(update=changes)
    return replace(content, protocol=content.protocol.model_copy(update={"clinical": clinical}))


def test_missing_predictors_are_imputed_or_left_out(content):
    assert content.protocol.clinical.imputation is not None
    assert "chained equations" in said(content)
    without = said(with_clinical(content, imputation=None))
    assert "uses the patients who are complete" in without
    assert "chained equations" not in without


def test_selection_and_splines_are_named(content):
    text = said(with_clinical(content, method="backward_aic", splines={"age_years": 4}))
    assert "by backward elimination" in text
    assert "unpenalized" in text
    assert "Restricted cubic splines: age_years (4 knots)." in text
    assert "backward elimination" not in said(content)


def test_models_that_were_not_fitted_are_not_named(content):
    assert "signature alone (DLRadiomics), combined" in said(content)
    clinical = {ModelKind.CLINICAL}
    arms = tuple(
        arm.model_copy(
            update={"models": {kind: m for kind, m in arm.models.items() if kind in clinical}}
        )
        for arm in content.arms
    )
    text = said(replace(content, arms=arms))
    assert "Efron ties: clinical; " in text
    assert "ombined model" not in text


def test_the_method_of_the_search_is_the_protocols(content):
    def with_search(**changes):
        search = content.protocol.search.model_copy(update={"rungs": (2, 4, 6), **changes})
        return said(
            replace(content, protocol=content.protocol.model_copy(update={"search": search}))
        )

    assert "synchronous halving by 2 at epochs 2, 4, 6; cosine" in with_search(reduction=2)
    assert "(ASHA) by 3 from epoch 2 on, 6 at most" in with_search(method="asha", reduction=3)
    assert "Optuna's TPE as those before suggest" in with_search(method="optuna")
    assert "drawn at random, each trained for 6 epochs" in with_search(method="random")


def test_hand_crafted_radiomics_are_told_where_they_were_computed(content):
    section = read_protocol(PROTOCOLS / "sound.yaml").radiomics
    assert section.stability is not None

    told = " ".join(radiomics_said(section))

    assert "both phases by MIRP: morphology" in told
    assert f"ICC(1, 1) of at least {section.stability.minimum_icc:g}" in told
    assert "ComBat" not in told
    harmonised = section.model_copy(update={"stability": None, "harmonise_by": "scanner"})
    assert "Harmonised by scanner (ComBat)" in " ".join(radiomics_said(harmonised))
    assert "ICC" not in " ".join(radiomics_said(harmonised))
    assert content.radiomics is None
    assert "MIRP" not in said(content)


def test_what_the_networks_learnt_and_how_long(content):
    def with_backbone(**changes):
        backbone = content.protocol.backbone.model_copy(update=changes)
        return said(
            replace(content, protocol=content.protocol.model_copy(update={"backbone": backbone}))
        )

    plain = with_backbone()
    assert "The networks learnt the risk label" in plain
    assert "heads were trained" not in plain
    assert "held back" not in plain
    assert "in 8 equal intervals" in with_backbone(loss="discrete_hazard", hazard_intervals=8)
    assert "is not calibrated" in with_backbone(loss="cox")
    assert "Only their heads were trained" in with_backbone(training="frozen_trunk")
    assert "suited 25% of its own" in with_backbone(stopping="inner_split", inner_share=0.25)
