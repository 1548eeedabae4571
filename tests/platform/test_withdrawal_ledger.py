"""Who has withdrawn, known again without being named; and a withdrawal that was cut short."""

import pytest

from components.errors import DataError, IntegrityError, UsageError
from components.platform.withdrawal_ledger import (
    UnderWay,
    begin,
    end,
    is_withdrawn,
    note_withdrawal,
    require_finished,
    under_way,
    withdrawals,
    withdrawn,
)

KEY = "a study key of some length"
HIS = UnderWay(
    pseudonym="PSEUDO3AB", others=(), purge_history=False, versions=(), models=(), caches=()
)


def test_nobody_has_withdrawn_at_first_and_no_key_is_asked_for(tmp_path):
    assert not is_withdrawn(tmp_path, "PSEUDO3AB", study_key=None)


def test_who_withdrew_is_known_again_and_named_nowhere(tmp_path):
    note_withdrawal(tmp_path, HIS, study_key=KEY)
    note_withdrawal(tmp_path, HIS, study_key=KEY)

    assert is_withdrawn(tmp_path, "PSEUDO3AB", study_key=KEY)
    assert not is_withdrawn(tmp_path, "PSEUDO4AB", study_key=KEY)
    assert len(withdrawals(tmp_path)) == 1
    assert "PSEUDO3AB" not in (tmp_path / "withdrawn.jsonl").read_text()


def test_purging_the_history_later_is_a_line_of_its_own(tmp_path):
    note_withdrawal(tmp_path, HIS, study_key=KEY)
    purged = HIS.model_copy(update={"purge_history": True})
    note_withdrawal(tmp_path, purged, study_key=KEY)
    note_withdrawal(tmp_path, HIS, study_key=KEY)

    assert [one.history_purged for one in withdrawals(tmp_path)] == [False, True]


def test_another_key_or_none_is_refused_and_does_not_let_him_in(tmp_path):
    note_withdrawal(tmp_path, HIS, study_key=KEY)

    with pytest.raises(IntegrityError, match="another key"):
        withdrawn(tmp_path, study_key="another key altogether")
    with pytest.raises(UsageError, match="ARMWISE_STUDY_KEY"):
        withdrawn(tmp_path, study_key=None)
    assert withdrawn(tmp_path, study_key=f" {KEY}\n")("PSEUDO3AB")


def test_a_withdrawal_under_way_is_found_again_and_keeps_others_out(tmp_path):
    require_finished(tmp_path)
    begin(tmp_path, HIS)

    assert under_way(tmp_path) == HIS
    assert (tmp_path / "withdrawal.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DataError, match="--resume"):
        require_finished(tmp_path)
    end(tmp_path)
    require_finished(tmp_path)
    assert under_way(tmp_path) is None


def test_an_unreadable_journal_is_said(tmp_path):
    (tmp_path / "withdrawal.json").write_text("{")

    with pytest.raises(IntegrityError, match="cannot be read"):
        under_way(tmp_path)
