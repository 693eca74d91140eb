"""Tests of the sandbox part."""
