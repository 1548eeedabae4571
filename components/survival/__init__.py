"""Survival statistics, in agreement with R's `survival`, `rms`, `glmnet` and `timeROC`."""
