"""Backbones: how they are built, trained, compared, kept and asked. Torch lives here alone."""
