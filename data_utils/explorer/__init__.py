"""A page where any detector of the course is tried by hand: draw, upload, pick, and see why."""
