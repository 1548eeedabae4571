"""Data into a study: spreadsheets by a column mapping; the demo cohort and its CT phantoms."""
