"""Pages worth reading: one for the class, one for each student, made from the grade reports."""

from grader.reports.pages import write_pages

__all__ = ["write_pages"]
