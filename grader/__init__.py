"""What the instructor keeps: builds, isolates, checks, grades. Never shipped to students."""
