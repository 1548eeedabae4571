from components.cohort.endpoint import survival_target, with_endpoint


def test_day_zero_counts_as_half_a_day_and_is_said(clinical):
    clinical.loc["P-005", "os_days"] = 0.0
    table, said = with_endpoint(clinical)
    assert table.loc["P-005", "os_days"] == 0.5
    assert "P-005" in said[0].why
    assert survival_target(table).n == 60


def test_nothing_is_said_where_nothing_is_done(clinical):
    assert with_endpoint(clinical)[1] == []
