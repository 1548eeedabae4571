"""The steps of a retraining as Prefect tasks: wiring between components and files, no science."""
