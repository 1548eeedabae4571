"""One module for each platform, the only home of its import."""
