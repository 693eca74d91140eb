"""Tests that train networks."""
