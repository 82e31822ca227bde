"""What a .tflite file is made of: operators, types and shapes, and whether an Edge TPU may take it.

There is no compiler here. A pass says "looks mappable", which is less than "compiles".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ai_edge_litert import schema_py_generated as schema

_LISTED = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED
    L2_NORMALIZATION LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE
    REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
    RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH
    TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""
EDGE_TPU_OPERATORS = frozenset(_LISTED.split())
"""Coral's list of operators that an Edge TPU can run ("TensorFlow models on the Edge TPU").

Each also has limits on shapes and options, which are not checked here.
"""

WHOLE_NUMBERS = frozenset({"INT8", "UINT8", "INT32", "INT64", "BOOL"})

_OPERATOR_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
_TYPE_NAMES = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}


@dataclass(frozen=True)
class Graph:
    """The first subgraph of a .tflite file."""

    operators: dict[str, int]
    """How often each operator stands in it."""
    float_tensors: tuple[str, ...]
    """Names of tensors of a floating-point type that an operator reads or writes."""
    dynamic_tensors: tuple[str, ...]
    """Names of tensors whose shape is open."""
    subgraphs: int

    def edge_tpu_faults(self) -> tuple[str, ...]:
        """Say in words what keeps the graph off an Edge TPU; empty when it looks mappable."""
        faults = []
        if self.float_tensors:
            faults.append(f"floating point in {', '.join(self.float_tensors[:2])}")
        if self.dynamic_tensors:
            faults.append(f"open shapes in {', '.join(self.dynamic_tensors[:2])}")
        if unknown := sorted(set(self.operators) - EDGE_TPU_OPERATORS):
            faults.append(f"operators that Coral does not list: {', '.join(unknown)}")
        if self.subgraphs != 1:
            faults.append(f"{self.subgraphs} subgraphs instead of 1")
        return tuple(faults)


def read_graph(model: bytes) -> Graph:
    """Return what the bytes of a .tflite file hold."""
    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = parsed.subgraphs[0]
    names = Counter(_operator_name(parsed.operatorCodes[op.opcodeIndex]) for op in graph.operators)
    used = {int(i) for op in graph.operators for i in (*op.inputs, *op.outputs) if i >= 0}
    tensors = [graph.tensors[i] for i in sorted(used)]
    return Graph(
        dict(names),
        tuple(_name(t) for t in tensors if _TYPE_NAMES[t.type] not in WHOLE_NUMBERS),
        tuple(
            _name(t)
            for t in tensors
            if t.shapeSignature is not None and any(n < 0 for n in t.shapeSignature)
        ),
        len(parsed.subgraphs),
    )


def _operator_name(code: Any) -> str:
    if code.customCode:
        return str(code.customCode.decode())
    # old files keep small codes in a byte of their own
    return str(_OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)])


def _name(tensor: Any) -> str:
    return str(tensor.name.decode())
