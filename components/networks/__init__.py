"""The backbones and everything that needs torch."""
