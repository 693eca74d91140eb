"""Saved networks are ONNX files: what such a file may hold, checked before anything runs it.

Why ONNX: a detector may come from somebody else, so loading one must run nothing of it. A notebook
can, and so can ``torch.export.load``, which falls back to ``torch.load(weights_only=False)``, that
is to pickle: in torch 2.13 a planted file ran its command. Keras files name Python classes in
their config, and its safe mode has been escaped more than once. An ONNX graph holds operators and
numbers, and ONNX Runtime needs neither TensorFlow nor torch. What is left is a file that costs too
much, that reads another file, or that uses an operator nobody expects: this module refuses those.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_utils.errors import ExplorerError

CARD_KEY = "anomaly_course_card"
"""The name of the JSON card among the model's metadata."""

IMAGE = "image"
"""The graph's one input: uint8 (1, 28, 28)."""

OUTPUTS = {"score": (1,), "reconstruction": (1, 28, 28), "heat": (1, 28, 28)}
"""What a graph may return, all float32; the score always, the pictures (in [0, 1]) if it can."""

OPSET = 18
"""Of the operators: what both exporters write and ONNX Runtime from 1.14 on reads."""

_MOST_BYTES = 250_000_000  # ResNet-50 and a bank of 10,000 x 2,048 features take 176 million
_MOST_OTHER = 4_000_000  # all but weights: an object takes up to 77 times its bytes (measured)
_MOST_PARTS = 20_000  # fields of a message that are looked at one by one, in Python
_MOST_NODES = 5_000  # the gradient of a ResNet-50 has about 1,000
_MOST_ATTRIBUTES = 20  # of one operator; no operator has as many
_MOST_VALUES = 2**24  # in one result: 72 pictures of 28 x 28 in 256 channels still fit
_MOST_WORK = 10**11  # multiplications for one image: some seconds of one core

_ARITHMETIC = (
    "Abs Add And AveragePool BatchNormalization Cast Ceil Celu Clip Concat Constant Conv "
    "ConvTranspose DepthToSpace Div Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements "
    "GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization "
    "HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less "
    "LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mod Mul Neg Not Or PRelu Pad Pow "
    "Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign "
    "Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh ThresholdedRelu "
    "Tile TopK Transpose Unsqueeze Where"
)
_OPERATORS = frozenset(_ARITHMETIC.split())
"""Arithmetic and moves of numbers. None that branches, loops, calls, draws at random or reads."""


class SavedFileError(ExplorerError):
    """A file holds no detector, or one that this page refuses to run."""


def read_model(path: Path) -> Any:
    """Read a saved network and check it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    onnx.ModelProto
        Safe to give to ONNX Runtime: it passed `check_model`.

    Raises
    ------
    SavedFileError
        With a bare reason: the caller knows the file's name.
    """
    try:
        if not path.is_file():
            raise SavedFileError("it is not there, or is no file")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SavedFileError(f"it cannot be read ({error.strerror})") from error
    model = parse_model(data)
    check_model(model)
    return model


def parse_model(data: bytes) -> Any:
    """Return the unchecked model that some bytes hold; SavedFileError if they hold none."""
    import onnx
    from google.protobuf.message import (  # type: ignore[import-untyped,unused-ignore]
        DecodeError,
    )

    if len(data) > _MOST_BYTES:
        raise SavedFileError(f"it has more than {_MOST_BYTES // 10**6} MB")
    if len(data) - _weight_bytes(memoryview(data)) > _MOST_OTHER:
        raise SavedFileError(f"beside its weights it holds more than {_MOST_OTHER // 10**6} MB")
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise SavedFileError("it is no ONNX file, or a part of it is missing") from error
    model.DiscardUnknownFields()  # what onnx does not know, ONNX Runtime might
    return model


def check_model(model: Any) -> None:
    """Refuse a model that is not a plain, small graph from one image to a score.

    Parameters
    ----------
    model : onnx.ModelProto

    Raises
    ------
    SavedFileError
        With a bare reason: the caller knows the file's name.
    """
    _check_frame(model)
    for tensor in model.graph.initializer:
        _check_tensor(tensor)
    for node in model.graph.node:
        _check_node(node)
    _check_costs(model.graph, _shapes(model))


def open_session(model: Any) -> Any:
    """Return an ONNX Runtime session of a checked model.

    One thread for each call: several calls may then run at once, each on its own core.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what matters comes as an exception
    plain = type(model)()
    plain.CopyFrom(model)
    del plain.metadata_props[:]  # the card is ours; ONNX Runtime may read settings from others
    try:
        return onnxruntime.InferenceSession(
            plain.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions share no base class but this
        raise SavedFileError(f"ONNX Runtime does not take it ({error!s:.200})") from error


def _check_frame(model: Any) -> None:
    graph = model.graph
    if [entry.domain for entry in model.opset_import] != [""]:
        raise SavedFileError("it uses operators that are not standard ones of ONNX")
    if model.opset_import[0].version != OPSET:
        raise SavedFileError(f"its operators are not those of version {OPSET}")
    if model.functions or model.training_info or graph.sparse_initializer:
        raise SavedFileError("it holds functions, a training step or sparse weights")
    if len(graph.node) > _MOST_NODES:
        raise SavedFileError(f"its graph has more than {_MOST_NODES} operators")
    names = [value.name for value in graph.output]
    if [value.name for value in graph.input] != [IMAGE] or not set(names) <= set(OUTPUTS):
        raise SavedFileError("it does not take one image, or returns something unknown")
    if "score" not in names or len(set(names)) != len(names):
        raise SavedFileError("it does not return one score")


def _check_tensor(tensor: Any) -> None:
    """Refuse numbers that lie in another file, or that are not as many as their shape says."""
    import onnx

    if tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data:
        raise SavedFileError("its weights lie in another file, which is never read")
    kinds = {"FLOAT": 4, "DOUBLE": 8, "INT64": 8, "INT32": 4, "UINT8": 1, "BOOL": 1}
    by_number = {onnx.TensorProto.DataType.Value(kind): size for kind, size in kinds.items()}
    if tensor.data_type not in by_number:
        raise SavedFileError("its weights are of a type that no detector of the course has")
    if any(size < 0 for size in tensor.dims):
        raise SavedFileError("its weights have a negative size")
    if len(tensor.raw_data) != math.prod(tensor.dims) * by_number[tensor.data_type]:
        raise SavedFileError("its weights are not as many as their shape says")


def _check_node(node: Any) -> None:
    import onnx

    if node.domain or node.op_type not in _OPERATORS:
        raise SavedFileError(
            f"its graph holds the operator {node.op_type!r:.40}, which no detector of the course "
            "needs"
        )
    simple = onnx.AttributeProto
    kinds = {simple.FLOAT, simple.INT, simple.STRING, simple.FLOATS, simple.INTS, simple.TENSOR}
    few = node.attribute[:_MOST_ATTRIBUTES]
    if len(few) < len(node.attribute) or any(a.ref_attr_name or a.type not in kinds for a in few):
        raise SavedFileError(f"an operator {node.op_type} of its graph holds more than numbers")
    for attribute in few:
        if attribute.type == simple.TENSOR:
            _check_tensor(attribute.t)


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Work out the shape of every result from the shape of the image; believe none of the file's.

    A graph takes one image at a time, so every shape is a constant. One that cannot be worked out
    is refused: it might be of any size.
    """
    import onnx

    own = type(model)()
    own.CopyFrom(model)
    graph, kinds = own.graph, onnx.TensorProto
    del graph.value_info[:]
    image = onnx.helper.make_tensor_value_info(IMAGE, kinds.UINT8, (1, 28, 28))
    graph.input[0].CopyFrom(image)
    for value in graph.output:
        shape = OUTPUTS[value.name]
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, kinds.FLOAT, shape))
    try:
        own = onnx.shape_inference.infer_shapes(
            own, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # RuntimeError, InferenceError, ValueError: by onnx's version
        raise SavedFileError("the parts of its graph do not fit together") from error
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*own.graph.input, *own.graph.output, *own.graph.value_info):
        sizes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(s.HasField("dim_value") for s in sizes):
            found[value.name] = tuple(size.dim_value for size in sizes)
    return found


def _check_costs(graph: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse a graph whose results would fill the memory, or take too long."""
    work = 0
    for node in graph.node:
        for name in filter(None, node.output):
            if name not in shapes:
                raise SavedFileError("a result inside its graph has no fixed size")
            size = math.prod(shapes[name])
            if not 0 <= size <= _MOST_VALUES:
                raise SavedFileError(f"a result inside its graph has {size:.0e} numbers")
            work += size * _terms(node, shapes)
    if work > _MOST_WORK:
        raise SavedFileError(f"it takes {work:.0e} multiplications for one image")


def _terms(node: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    """Return how many products at most are added up to one number of a node's result."""
    if node.op_type in ("MatMul", "Gemm"):
        return max(shapes.get(node.input[0], (1,)) or (1,))
    if node.op_type in ("Conv", "ConvTranspose"):
        return math.prod(shapes.get(node.input[1], ())[1 if node.op_type == "Conv" else 0 :])
    if node.op_type in ("AveragePool", "MaxPool"):
        kernel = next((a.ints for a in node.attribute if a.name == "kernel_shape"), ())
        return math.prod(kernel)
    return 1


def _weight_bytes(data: memoryview) -> int:
    """Return how many bytes of a serialised model are the raw numbers of its graph's tensors.

    Only numbers are cheap to parse. Numbers of the fields in protobuf's wire format: a model's
    graph is field 7, the graph's tensors field 5, a tensor's raw bytes field 9 (onnx.proto).
    """
    return sum(
        len(raw)
        for graph in _fields(data, 7)
        for tensor in _fields(graph, 5)
        for raw in _fields(tensor, 9)
    )


def _fields(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the contents of one field of a message; stop where the bytes make no sense."""
    place, seen = 0, 0
    fixed = {1: 8, 5: 4}
    while place < len(data):
        seen += 1
        if seen > _MOST_PARTS:
            raise SavedFileError(f"its graph has more than {_MOST_PARTS} parts")
        key, place = _number(data, place)
        kind = key & 7
        if kind == 0:
            place = _number(data, place)[1]
        elif kind == 2:
            size, place = _number(data, place)
            if key >> 3 == wanted:
                yield data[place : place + size]
            place += size
        elif kind in fixed:
            place += fixed[kind]
        else:
            return


def _number(data: memoryview, place: int) -> tuple[int, int]:
    """Read a number of variable length; return it and the place after it."""
    value, shift = 0, 0
    while place < len(data) and shift < 70:  # ten bytes of seven bits at most
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            break
    return value, place
