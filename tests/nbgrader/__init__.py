"""Tests of the course under nbgrader."""
