"""Data into a study: for now the synthetic demo cohort and its CT phantoms."""
