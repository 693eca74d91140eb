"""The grader's own exceptions. Each message says what happened, what was expected, what to do."""

from data_utils.errors import CourseKitError


class GraderError(CourseKitError):
    """Base class of the grader's errors."""


class WriteError(GraderError):
    """A file cannot be written: disk full, folder read-only. What was written before stays."""


class NotReadyError(GraderError):
    """The class cannot be graded now: the solution fails here, or another grader is at work."""


class NotebookChoiceError(GraderError):
    """A command was not told which of several notebooks it is about."""


class BuildError(GraderError):
    """A master notebook breaks a rule of the course."""


class SubmissionError(GraderError):
    """A submission cannot be graded: the sentence is what its author and the instructor read."""


class MissingSubmissionError(SubmissionError):
    """Nothing was handed in under the name that was asked for."""


class FragmentError(GraderError):
    """A sample-class fragment no longer fits its solution."""


class CollectError(GraderError):
    """Nothing can be collected from what was named."""


class ExportError(GraderError):
    """A file of grades cannot be written as it was asked for."""


class RecordError(GraderError):
    """Nbgrader's gradebook cannot take a student's results."""


class ClassRecordError(RecordError):
    """Nbgrader's gradebook cannot take anybody's results: locked, read-only, not made yet."""
