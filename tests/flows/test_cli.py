import re

from tests.flows.conftest import armwise


def test_help_names_the_commands(tmp_path):
    done = armwise("--help", study=tmp_path)
    assert done.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert {"retrain", "validate", "demo", "ui", "serve"} <= set(plain.split())


def test_a_setting_that_cannot_be_meant_is_one_message(tmp_path):
    (tmp_path / "armwise.toml").write_text('port = "many"\n')
    done = armwise("ui", study=tmp_path)
    assert done.returncode == 2
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_serving_before_a_retraining_says_what_to_do(tmp_path):
    done = armwise("serve", study=tmp_path)
    assert done.returncode == 2
    assert "armwise retrain" in done.stderr


def test_no_data_and_no_version_is_a_data_error(tmp_path):
    done = armwise("retrain", study=tmp_path)
    assert done.returncode in {3, 4}, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_demo_is_not_made_over_somebody_s_files(tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    done = armwise("demo", str(tmp_path), study=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "kept.txt").read_text() == "mine"
