"""What a run would find missing or too small, found before it."""
