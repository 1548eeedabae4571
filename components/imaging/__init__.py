"""From CT volumes and ROIs to the crops that networks see."""
