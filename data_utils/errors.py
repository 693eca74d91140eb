"""The exceptions of data_utils. Each message says what happened, what was expected, what to do."""


class CourseKitError(Exception):
    """Base class of every error that the kit raises on purpose."""


class CourseFileError(CourseKitError):
    """course.toml is missing a value or holds one that cannot be right."""


class DataSourceError(CourseKitError):
    """A data folder or file does not hold the images it should hold."""


class PreparedFileError(CourseKitError):
    """A value cannot be stored among the prepared arrays of a notebook."""


class CheckFailed(CourseKitError):
    """A visible check failed while nbgrader was running the notebook."""

    def _render_traceback_(self) -> list[str]:
        """Let IPython show the words of the check alone: where it was raised helps nobody."""
        return str(self).splitlines()


class UnknownExerciseError(CourseKitError):
    """An exercise number was asked for that the course does not have."""


class ImageFormatError(CourseKitError):
    """An array holds images of another type, shape or range than was asked for."""


class SplitError(CourseKitError):
    """A split was asked for that these images and labels cannot give."""


class WeightsError(CourseKitError):
    """The weights of a pretrained network cannot be had, or are not what they should be."""


class TransformError(CourseKitError):
    """A geometric transformation was asked for that these images do not allow."""


class ExplorerError(CourseKitError):
    """The page cannot serve a detector, or a detector cannot judge an image."""
