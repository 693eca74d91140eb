"""A detector whose network, score and pictures are one ONNX graph."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.errors import ImageFormatError
from data_utils.explorer.onnx_files import IMAGE, SavedFileError, open_session
from data_utils.images import to_uint8

Pictures = Callable[[NDArray[np.uint8]], NDArray[Any]]


class SavedDetector:
    """Runs a checked graph, one image at a time; several threads may call it at once.

    Parameters
    ----------
    model : onnx.ModelProto
        As `data_utils.explorer.onnx_files.check_model` lets it pass.
    threshold : float

    Attributes
    ----------
    threshold : float
    history : list of float
        Empty: the file does not hold it.
    reconstruct, explain : callable or None
        uint8 (n, 28, 28) to uint8 (n, 28, 28), and to float (n, 28, 28) in [0, 1]; None where the
        graph draws no such picture.
    """

    def __init__(self, model: Any, threshold: float = float("nan")) -> None:
        import onnxruntime

        self.threshold = threshold
        self.history: list[float] = []
        self._weights = model.graph.initializer
        self._session = open_session(model)
        self._only_what_is_asked = onnxruntime.RunOptions()
        self._only_what_is_asked.only_execute_path_to_fetches = True
        drawn = {output.name for output in model.graph.output}
        self.reconstruct: Pictures | None = self._copies if "reconstruction" in drawn else None
        self.explain: Pictures | None = (
            functools.partial(self._run, "heat") if "heat" in drawn else None
        )

    def anomaly_score(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score images (uint8, (n, 28, 28)): float (n,), higher = more anomalous."""
        return self._run("score", images).astype(np.float64)

    def parameters(self) -> list[NDArray[Any]]:
        """Return the constants of the graph: the weights, and what the score compares with."""
        from onnx import numpy_helper

        return [numpy_helper.to_array(weights) for weights in self._weights]

    def _copies(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return to_uint8(self._run("reconstruction", images)[..., None])

    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
            raise ImageFormatError(
                f"These images are {images.dtype} of shape {images.shape}; the detector expects "
                "uint8 of shape (n, 28, 28)."
            )
        try:
            found = [
                self._session.run([output], {IMAGE: image[None]}, self._only_what_is_asked)[0]
                for image in np.ascontiguousarray(images)
            ]
        except Exception as error:  # ONNX Runtime's exceptions share no base class but this
            raise SavedFileError(
                f"The saved network stopped at this image ({error!s:.200})."
            ) from error
        return np.concatenate(found) if found else np.empty(0, np.float32)
