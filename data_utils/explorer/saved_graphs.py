"""A recipe becomes an ONNX graph: torch's own exporter, tf2onnx, and slopes as a graph."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_utils.explorer.onnx_files import CARD_KEY, IMAGE, OPSET, SavedFileError, check_model
from data_utils.explorer.recipes import Recipe
from data_utils.runtime import quiet_start

_FORMAT_VERSION = 8  # of the file: the oldest with operators of version 18, so that many read it
_MISSING = "Saving needs {name}, which is not installed here. Run: pip install '.[explore]'"


def scores_of(recipe: Recipe, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return what a recipe makes of images, in its own framework: float (n,)."""
    if recipe.framework == "keras":
        import tensorflow as tf

        found = [recipe.run(tf.constant(image[None]))[0].numpy() for image in images]
    else:
        import torch

        with torch.no_grad():
            made = [recipe.run(torch.tensor(image[None])) for image in images]
        found = [(m[0] if isinstance(m, tuple) else m).numpy() for m in made]
    return np.concatenate(found).astype(np.float64)


def graph_of(recipe: Recipe, *, heat: bool) -> Any:
    """Export a recipe.

    Parameters
    ----------
    recipe : Recipe
    heat : bool
        Whether the graph shall draw the recipe's heat map as well; of torch only.

    Returns
    -------
    onnx.ModelProto
        That `check_model` lets pass.

    Raises
    ------
    SavedFileError
        If a package is missing, or the network holds what cannot be written as a graph.
    """
    with _quiet():
        try:
            model = (
                _from_keras(recipe) if recipe.framework == "keras" else _from_torch(recipe, heat)
            )
        except ModuleNotFoundError as error:
            raise SavedFileError(_MISSING.format(name=error.name)) from error
        except Exception as error:  # both exporters raise whatever their parts raise
            raise SavedFileError(f"it cannot be written as a graph ({_why(error)})") from error
    _tidy(model)
    check_model(model)
    return model


def _why(error: BaseException) -> str:
    """Return the first line of what went wrong first: an exporter wraps it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what exporters log, such as an optimisation that tf2onnx tries and gives up."""
    level = logging.root.manager.disable
    with quiet_start():
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(level)


def _from_keras(recipe: Recipe) -> Any:
    import tensorflow as tf
    import tf2onnx  # type: ignore[import-not-found,import-untyped,unused-ignore]

    signature = [tf.TensorSpec((1, 28, 28), tf.uint8, name=IMAGE)]
    model, _ = tf2onnx.convert.from_function(tf.function(recipe.run), signature, opset=OPSET)
    for output, name in zip(model.graph.output, recipe.outputs, strict=True):
        _rename(model.graph, output.name, name)
    _replace_erfc(model.graph)
    return model


def _replace_erfc(graph: Any) -> None:
    """Write 1 - Erf for the Erfc that tf2onnx makes of a GELU and that ONNX does not have."""
    from onnx import helper, numpy_helper

    nodes = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type == "Erfc":
            result, node.op_type = node.output[0], "Erf"
            node.output[0], one = f"{result} complement", f"{result} one"
            graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), one))
            nodes.append(helper.make_node("Sub", [one, node.output[0]], [result]))
    del graph.node[:]
    graph.node.extend(nodes)


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for value in graph.output:
        value.name = new if value.name == old else value.name


def _from_torch(recipe: Recipe, heat: bool) -> Any:
    import torch

    image = torch.zeros((1, 28, 28), dtype=torch.uint8)
    module, outputs = recipe.run, list(recipe.outputs)
    if heat:
        module, outputs = _with_slope(module, recipe.heat_of, image), [*outputs, "heat"]
    program = torch.onnx.export(
        module,
        (image,),
        dynamo=True,
        external_data=False,
        verbose=False,
        opset_version=OPSET,
        input_names=[IMAGE],
        output_names=outputs,
    )
    return program.model_proto


def _with_slope(score: Any, heat_of: Any, image: Any) -> Any:
    """Return a graph of torch's operators that gives a score and a slope at each pixel.

    ONNX has no gradients, so the steps of the backward pass are recorded and become a graph like
    any other. The slopes are absolute values, from 0 to the image's largest, which becomes 1.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    def values(pixels: Any) -> tuple[Any, Any]:
        value = heat_of(pixels)
        return value.sum(), value if heat_of is score else score(pixels)

    def both(image: Any) -> tuple[Any, Any]:
        slope, value = torch.func.grad(values, has_aux=True)(image.float())
        size = slope.abs()
        return value, size / size.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)

    steps = make_fx(torch.func.functionalize(both), decomposition_table=_backward_steps())(image)
    return steps.eval()


def _backward_steps() -> dict[Any, Any]:
    """Return torch's table of operators in simpler ones, with three that it lacks."""
    import torch

    aten = torch.ops.aten

    def convolution(
        slope: Any,
        x: Any,
        weight: Any,
        _: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        *rest: Any,
    ) -> tuple[Any, None, None]:
        transposed, _unused, groups, _wanted = rest
        if transposed:
            raise NotImplementedError("the slope of a transposed convolution")
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
        missing = [
            n - ((m - 1) * s - 2 * p + r)
            for n, m, s, p, r in zip(
                x.shape[2:], slope.shape[2:], stride, padding, reach, strict=True
            )
        ]
        back = aten.convolution(
            slope, weight, None, stride, padding, dilation, True, missing, groups
        )
        return back, None, None

    def max_pool(slope: Any, x: Any, *rest: Any) -> Any:
        places = rest[-1].flatten(2)
        return (
            torch.zeros_like(x).flatten(2).scatter_add(2, places, slope.flatten(2)).reshape(x.shape)
        )

    def mean_pool(slope: Any, x: Any, kernel: Any, stride: Any, padding: Any, *rest: Any) -> Any:
        _ceil, counts_padding, divisor = rest
        if divisor or (any(padding) and not counts_padding):
            raise NotImplementedError("the slope of an average that leaves out the padding")
        size = (kernel[0], kernel[-1])
        weight = x.new_full((x.shape[1], 1, *size), 1 / (size[0] * size[1]))
        pairs = ((v[0], v[-1]) for v in (stride or kernel, padding, (1,)))
        return convolution(slope, x, weight, None, *pairs, False, None, x.shape[1], None)[0]

    table = dict(torch.export.default_decompositions())
    table[aten.convolution_backward.default] = convolution
    table[aten.max_pool2d_with_indices_backward.default] = max_pool
    table[aten.avg_pool2d_backward.default] = mean_pool
    table[aten.empty_permuted.default] = lambda size, _order, dtype=None, **_: torch.zeros(
        size, dtype=dtype
    )
    return table


def _tidy(model: Any) -> None:
    """Bring what two exporters wrote into the one form that `check_model` expects."""
    from onnx import numpy_helper

    graph = model.graph
    versions = {entry.domain: entry.version for entry in model.opset_import}
    del model.opset_import[:]
    model.opset_import.add(domain="", version=versions[""])  # tf2onnx names one that it never uses
    model.ir_version = _FORMAT_VERSION
    del model.metadata_props[:], graph.value_info[:]
    model.doc_string = graph.doc_string = ""
    for tensor in graph.initializer:
        raw = numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name)
        tensor.CopyFrom(raw)
    for node in graph.node:
        node.doc_string = ""  # torch writes file names and lines of the notebook here
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("t"):
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t)))


def with_card(model: Any, card: str) -> bytes:
    """Return the bytes of a model that carries its card."""
    model.metadata_props.add(key=CARD_KEY, value=card)
    data: bytes = model.SerializeToString()
    return data
