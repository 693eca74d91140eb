"""Measurements: make bench, make calibrate. Their results are committed as data."""
