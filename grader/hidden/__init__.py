"""The hidden checks. They run in the trusted process and call the student's functions from outside."""
