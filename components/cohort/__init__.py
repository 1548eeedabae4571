"""From a clinical table to the patients, endpoint, label and split of a study."""
