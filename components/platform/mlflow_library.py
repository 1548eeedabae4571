"""MLflow, imported in one place: without telemetry, without its notices."""

import logging
import os
import warnings

# Read by MLflow when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

with warnings.catch_warnings():
    # MLflow 3.17 warns of its own type hints when its models are first imported.
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.artifacts
    import mlflow.entities
    import mlflow.exceptions
    import mlflow.models
    import mlflow.pyfunc
    import mlflow.types.schema
    import mlflow.utils.mlflow_tags

__all__ = ["mlflow"]

for _name in ("mlflow", "alembic", "mlflow.store.db.utils"):
    logging.getLogger(_name).setLevel(logging.WARNING)
