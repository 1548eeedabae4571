"""The science and the parts of armwise: everything but the orchestration."""
