"""Operators of existing .tflite files. No TensorFlow."""

from __future__ import annotations

import pytest

from tests.support.paths import SHARED
from training.common.operators import Graph, read_graph

MODELS = SHARED / "original" / "models"
needs_original = pytest.mark.skipif(not MODELS.is_dir(), reason="the original's models are absent")


@needs_original
def test_the_original_lane_model_is_float_and_has_elu() -> None:
    graph = read_graph((MODELS / "lane_detector.tflite").read_bytes())
    assert graph.operators == {
        "CONV_2D": 5,
        "ELU": 8,
        "FULLY_CONNECTED": 4,
        "DIV": 1,
        "SUB": 1,
    }
    faults = " ".join(graph.edge_tpu_faults())
    assert "floating point" in faults
    assert "DIV, ELU" in faults


@needs_original
def test_custom_operators_are_named() -> None:
    graph = read_graph((MODELS / "object_detector.tflite").read_bytes())
    assert graph.operators["TFLite_Detection_PostProcess"] == 1
    assert any("TFLite_Detection_PostProcess" in fault for fault in graph.edge_tpu_faults())


@pytest.mark.parametrize(
    ("graph", "fault"),
    [
        (Graph({"CONV_2D": 1}, {}, (), 1), None),
        (Graph({"CONV_2D": 1}, {"x": frozenset({"CONV_2D"})}, (), 1), "floating point in x"),
        (Graph({"CONV_2D": 1}, {}, ("y",), 1), "open shapes in y"),
        (Graph({"ELU": 1}, {}, (), 1), "ELU"),
        (Graph({"CONV_2D": 1}, {}, (), 2), "2 subgraphs"),
    ],
)
def test_each_fault_alone_keeps_a_graph_off_the_edge_tpu(graph: Graph, fault: str | None) -> None:
    faults = graph.edge_tpu_faults()
    if fault is None:
        assert faults == ()
    else:
        assert len(faults) == 1
        assert fault in faults[0]
