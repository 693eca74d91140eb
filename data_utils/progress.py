"""Progress bars that say what is left. They write to stdout: nbgrader counts stderr as failure."""

import sys
from typing import Any

from tqdm.auto import tqdm

SHOW_SECONDS = 0.5  # between two pictures of a bar; each is a line of output or a message


class _StepBar(tqdm):  # type: ignore[misc]
    """A bar whose numbers are shown when it moves, not each time that they are given."""

    def set_postfix(
        self, ordered_dict: Any = None, refresh: bool = False, **numbers: object
    ) -> None:
        """Take the numbers beside the bar for the next time that it is drawn."""
        super().set_postfix(ordered_dict, refresh, **numbers)


def step_progress(total: int, description: str) -> Any:
    """Return a bar for a training loop that is written by hand.

    Parameters
    ----------
    total : int
        Number of steps.
    description : str
        Stands before the bar.

    Returns
    -------
    tqdm.tqdm
        To be used as ``with step_progress(steps, "GAN") as bar:``; call ``bar.update()`` once a
        step, and ``bar.set_postfix(loss=...)`` as often as you like, with floats: both are cheap,
        the bar is drawn twice a second and at its end.

    Examples
    --------
    >>> with step_progress(3, "GAN") as bar:  # doctest: +SKIP
    ...     for step in range(3):
    ...         bar.set_postfix(loss=1 / (step + 1))
    ...         bar.update()
    """
    return _StepBar(total=total, desc=description, file=sys.stdout, mininterval=SHOW_SECONDS)


def epoch_progress() -> Any:
    """Return a Keras callback that shows one bar over the epochs, with the loss beside it.

    Returns
    -------
    keras.callbacks.Callback
    """
    import keras

    class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]
        """One step per epoch."""

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            """Open the bar."""
            self.bar = tqdm(total=self.params["epochs"], desc="training", file=sys.stdout)

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Move the bar and show the loss."""
            self.bar.set_postfix(loss=f"{(logs or {}).get('loss', float('nan')):.4f}")
            self.bar.update()

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            """Close the bar."""
            self.bar.close()

    return EpochProgress()
