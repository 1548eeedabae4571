"""Deep features to the signature dl_signature."""
