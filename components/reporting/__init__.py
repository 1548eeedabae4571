"""Figures, tables, model cards and the study report."""
