"""Progress bars that say what is left. They write to stdout: nbgrader counts stderr as failure."""

import sys
from typing import Any

from tqdm.auto import tqdm


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
