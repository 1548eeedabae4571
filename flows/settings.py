"""The place: where data, stores and machines are. The science is the protocol's."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from components.errors import UsageError

PROTOCOLS = Path(__file__).parent / "protocols"

_FILE = "armwise.toml"


class Settings(BaseSettings):
    """Command line > environment (`ARMWISE_...`) > `armwise.toml` > default.

    `armwise.toml` is that of the study's folder, else that of the working folder.

    The defaults need no server: MLflow on SQLite, Ray and Prefect in this process, a local DVC
    remote, all under `home`.
    """

    model_config = SettingsConfigDict(env_prefix="ARMWISE_", extra="ignore", frozen=True)

    study_dir: Path = Field(default=Path(), description="Folder of the study: data, data.dvc.")
    protocol: str = Field(default="demo", description="A protocol of armwise, or a YAML file.")
    home: Path = Field(default=Path(".armwise"), description="Embedded stores and caches.")
    tracking_uri: str | None = Field(default=None, description="MLflow; default: SQLite in home.")
    ray_address: str | None = Field(default=None, description="A cluster; default: this machine.")
    search_storage: str | None = Field(
        default=None, description="Where a cluster's nodes keep a search: folder or URL they share."
    )
    cpus: int | None = Field(default=None, ge=1, description="Cores to use; default: all.")
    study_key: SecretStr | None = Field(default=None, description="Places newcomers in the split.")
    host: str = Field(default="127.0.0.1", description="What servers listen on.")
    port: int = Field(default=5000, description="Port of the MLflow UI.")
    serving_port: int = Field(default=5001, description="Port of a served model.")
    schedule_port: int = Field(default=4200, description="Port of the schedule's Prefect server.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of precedence of the class's docstring."""
        del dotenv_settings, file_secret_settings
        named = init_settings().get("study_dir") or env_settings().get("study_dir")
        toml = _settings_file(Path(named or "."))
        try:
            from_file = TomlConfigSettingsSource(settings_cls, toml)
        except tomllib.TOMLDecodeError as error:
            msg = f"{toml}: expected TOML, for example `port = 5000`: {error}"
            raise UsageError(msg) from None
        return init_settings, env_settings, from_file

    @model_validator(mode="before")
    @classmethod
    def _no_secret_in_a_file(cls, given: Any) -> Any:
        """Secrets come from the environment alone."""
        toml = _settings_file(Path(given.get("study_dir", ".")))
        if toml.is_file() and "study_key" in tomllib.loads(toml.read_text(encoding="utf-8")):
            msg = f"{toml} holds study_key; a secret belongs in ARMWISE_STUDY_KEY alone"
            raise ValueError(msg)
        return given

    @property
    def study_path(self) -> Path:
        """The study's folder, absolute."""
        return self.study_dir.resolve()

    @property
    def data_path(self) -> Path:
        """The dataset, tracked as a whole by `data.dvc` beside it."""
        return self.study_path / "data"

    @property
    def home_path(self) -> Path:
        """The embedded stores, absolute; relative to the study's folder where it is relative."""
        return (self.study_path / self.home).resolve()

    @property
    def workers(self) -> int:
        """How many processes may work side by side."""
        return self.cpus or os.cpu_count() or 1

    @property
    def mlflow_uri(self) -> str:
        """Where MLflow keeps runs and the registry."""
        return self.tracking_uri or f"sqlite:///{self.home_path / 'mlflow.db'}"

    @property
    def local_artifacts(self) -> Path | None:
        """Where MLflow keeps artifacts; a server named by `tracking_uri` decides for itself."""
        return None if self.tracking_uri else self.home_path / "mlartifacts"

    @property
    def protocol_path(self) -> Path:
        """The protocol's file: one of armwise's own by name, else a path."""
        own = PROTOCOLS / f"{self.protocol}.yaml"
        return own if own.is_file() else self.study_path / self.protocol


def _settings_file(study_dir: Path) -> Path:
    own = study_dir / _FILE
    return own if own.is_file() else Path(_FILE)
