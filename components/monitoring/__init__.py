"""What changes after a model was fitted: drift of the data."""
