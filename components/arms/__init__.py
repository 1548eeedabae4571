"""The Cox models of a treatment arm and how good they are."""
