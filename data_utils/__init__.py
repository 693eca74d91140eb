"""What a student gets beside the notebooks. Knows nothing of grading, holds no answer."""
