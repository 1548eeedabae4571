import pytest
from pydantic import ValidationError

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
