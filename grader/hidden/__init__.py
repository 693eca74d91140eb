"""The hidden checks: in the trusted process, calling the student's functions from outside."""
