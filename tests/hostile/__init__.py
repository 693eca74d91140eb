"""Tests of the hostile part."""
