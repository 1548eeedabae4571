"""One patient's row or volumes to points and survival."""
