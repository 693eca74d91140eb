"""Tests that run whole notebooks."""
