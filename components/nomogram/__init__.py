"""Nomograms as data: points, axes and exact survival."""
