import pytest
from pydantic import ValidationError

from components.errors import UsageError
from flows.settings import Settings


def test_command_line_over_environment_over_file_over_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings().port == 5000
    (tmp_path / "armwise.toml").write_text("port = 6001\ncpus = 3\n")
    assert (Settings().port, Settings().cpus) == (6001, 3)
    monkeypatch.setenv("ARMWISE_PORT", "6002")
    assert (Settings().port, Settings().cpus) == (6002, 3)
    assert Settings(port=6003).port == 6003


def test_a_secret_in_the_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "armwise.toml").write_text('study_key = "hush"\n')
    with pytest.raises(ValidationError, match="ARMWISE_STUDY_KEY"):
        Settings()


def test_the_embedded_default_lies_beside_the_data(tmp_path):
    settings = Settings(study_dir=tmp_path)
    assert settings.home_path == tmp_path / ".armwise"
    assert settings.mlflow_uri == f"sqlite:///{tmp_path}/.armwise/mlflow.db"
    assert settings.protocol_path.name == "demo.yaml"
    assert settings.host == "127.0.0.1"


def test_a_server_keeps_its_own_artifacts(tmp_path):
    settings = Settings(study_dir=tmp_path, tracking_uri="http://127.0.0.1:5000")
    assert settings.local_artifacts is None


def test_the_study_s_own_file_stands_above_that_of_the_working_folder(tmp_path, monkeypatch):
    study, here = tmp_path / "study", tmp_path / "here"
    study.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "armwise.toml").write_text("port = 6001\n")
    assert Settings(study_dir=study).port == 6001
    (study / "armwise.toml").write_text('port = 6002\nprotocol = "protocol.yaml"\n')
    assert Settings(study_dir=study).port == 6002
    assert Settings(study_dir=study).protocol_path == study / "protocol.yaml"
    monkeypatch.setenv("ARMWISE_STUDY_DIR", str(study))
    assert Settings().port == 6002
    assert Settings(study_dir=here).port == 6001


def test_a_file_that_is_no_toml_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "armwise.toml").write_text("port: 6001\n")
    with pytest.raises(UsageError, match=r"armwise\.toml: expected TOML"):
        Settings()
