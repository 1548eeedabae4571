"""Evidence in, decision out: the pure rules of promotion."""
