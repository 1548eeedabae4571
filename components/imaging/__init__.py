"""CT volumes and ROIs: reading, geometry, intensity and crops."""
