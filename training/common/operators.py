"""Operators, types and shapes of a .tflite file, and whether an Edge TPU may run it.

The compiler is not used here: "looks mappable" is less than "compiles".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai_edge_litert import schema_py_generated as schema

_LISTED: Final = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED
    L2_NORMALIZATION LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE
    REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
    RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH
    TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""
EDGE_TPU_OPERATORS: Final = frozenset(_LISTED.split())
"""Operators that an Edge TPU can run (Coral, "TensorFlow models on the Edge TPU").

Their limits on shapes and options are not checked here.
"""

POST_PROCESS: Final = "TFLite_Detection_PostProcess"
SELECTION: Final = frozenset({POST_PROCESS, "DEQUANTIZE"})
"""The final operators of a detector, which select boxes on the CPU in float."""

WHOLE_NUMBERS: Final = frozenset({"INT8", "UINT8", "INT32", "INT64", "BOOL"})

_OPERATOR_NAMES: Final = {
    v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)
}
_TYPE_NAMES: Final = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}


@dataclass(frozen=True)
class Graph:
    """The first subgraph of a .tflite file."""

    operators: dict[str, int]
    """Number of uses of each operator."""
    float_tensors: Mapping[str, frozenset[str]]
    """Floating-point tensors, and the operators that read or write each."""
    dynamic_tensors: tuple[str, ...]
    """Names of tensors with a dynamic shape."""
    subgraphs: int
    macs: int = 0
    """Multiplications in convolutions and dense layers per run."""

    def edge_tpu_faults(self, on_processor: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Return what prevents an Edge TPU from running the graph; empty if it looks mappable.

        Operators `on_processor`, and tensors that only these use, are ignored.
        """
        faults = []
        floats = [name for name, users in self.float_tensors.items() if not users <= on_processor]
        if floats:
            faults.append(f"floating point in {', '.join(floats[:2])}")
        if self.dynamic_tensors:
            faults.append(f"open shapes in {', '.join(self.dynamic_tensors[:2])}")
        if unknown := sorted(set(self.operators) - EDGE_TPU_OPERATORS - on_processor):
            faults.append(f"operators that Coral does not list: {', '.join(unknown)}")
        if self.subgraphs != 1:
            faults.append(f"{self.subgraphs} subgraphs instead of 1")
        return tuple(faults)

    def describe(self) -> dict[str, Any]:
        """Return the model card's facts about the graph."""
        return {
            "operators": self.operators,
            "mmac": round(self.macs / 1e6, 1),
            "edge_tpu": self.edge_tpu(),
        }

    def edge_tpu(self) -> str:
        """Return in words whether it looks mappable to an Edge TPU, or what prevents it.

        A detector's final selection is ignored (`SELECTION`).
        """
        selects = POST_PROCESS in self.operators
        if faults := self.edge_tpu_faults(SELECTION if selects else frozenset()):
            return f"not mappable: {'; '.join(faults)}"
        if selects:
            left = [f"{n} {name}" for name, n in self.operators.items() if name in SELECTION]
            return f"looks mappable, but for {' and '.join(left)} at the end"
        return "looks mappable"


def read_graph(model: bytes) -> Graph:
    """Parse a .tflite file."""
    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = parsed.subgraphs[0]
    names = [_operator_name(parsed.operatorCodes[op.opcodeIndex]) for op in graph.operators]
    users: dict[int, set[str]] = {}
    for name, op in zip(names, graph.operators, strict=True):
        for i in (*op.inputs, *op.outputs):
            if i >= 0:
                users.setdefault(int(i), set()).add(name)
    tensors = [graph.tensors[i] for i in sorted(users)]
    return Graph(
        dict(Counter(names)),
        {
            _name(graph.tensors[i]): frozenset(by)
            for i, by in sorted(users.items())
            if _TYPE_NAMES[graph.tensors[i].type] not in WHOLE_NUMBERS
        },
        tuple(
            _name(t)
            for t in tensors
            if t.shapeSignature is not None and any(n < 0 for n in t.shapeSignature)
        ),
        len(parsed.subgraphs),
        sum(_macs(n, op, graph.tensors) for n, op in zip(names, graph.operators, strict=True)),
    )


def _macs(name: str, operator: Any, tensors: Any) -> int:
    """Each output value uses its channel's weights once; a depthwise one has one input channel."""
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return 0
    weights = [int(n) for n in tensors[operator.inputs[1]].shape]
    outputs = math.prod(int(n) for n in tensors[operator.outputs[0]].shape)
    if name == "DEPTHWISE_CONV_2D":
        return outputs * weights[1] * weights[2]
    return outputs * math.prod(weights[1:])


def _operator_name(code: Any) -> str:
    if code.customCode:
        return str(code.customCode.decode())
    # old files store small codes in a separate byte
    return str(_OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)])


def _name(tensor: Any) -> str:
    return str(tensor.name.decode())
