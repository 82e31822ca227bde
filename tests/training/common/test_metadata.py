"""Metadata inside .tflite files: other readers understand it, and no output changes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from car.perception.lane_network import SHIPPED_MODEL
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.model_io.lane_path import COLUMNS
from training.common.metadata import Metadata, Tensor, with_metadata, without_metadata

MODELS = SHIPPED_MODEL.parent
SHIPPED = {
    file: name
    for name in ("lane", "detector")
    for file in json.loads((MODELS / f"{name}.json").read_text("utf-8"))["files"]
}
STRING, TABLES = "string", "tables"


def field(table: Any, slot: int, kind: str) -> Any:
    """Read a field by the schema's slots, without the code that wrote it."""
    place = table.Offset(4 + 2 * slot)
    if place == 0:
        return None
    if kind == STRING:
        return table.String(table.Pos + place).decode()
    start = table.Vector(place)
    return [
        flatbuffers.table.Table(table.Bytes, table.Indirect(start + 4 * i))
        for i in range(table.VectorLen(place))
    ]


def metadata_of(content: bytes) -> Any:
    model = schema.Model.GetRootAs(content, 0)
    (entry,) = [
        model.Metadata(i)
        for i in range(model.MetadataLength())
        if model.Metadata(i).Name() == b"TFLITE_METADATA"
    ]
    buffer = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert buffer[4:8] == b"M001"
    root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0)
    return flatbuffers.table.Table(buffer, root)


@pytest.mark.parametrize("file", SHIPPED)
def test_a_shipped_model_says_its_name_version_and_labels(file: str) -> None:
    content = (MODELS / file).read_bytes()
    card = json.loads((MODELS / f"{SHIPPED[file]}.json").read_text("utf-8"))
    root = metadata_of(content)
    said = [field(root, slot, STRING) for slot in (0, 1, 2, 5, 7)]
    assert said == [SHIPPED[file], card["task"], card["date"], "Apache-2.0", "1.0.0"]
    (graph,) = field(root, 3, TABLES)
    interpreter = Interpreter(model_content=content)
    inputs, outputs = field(graph, 2, TABLES), field(graph, 3, TABLES)
    assert len(inputs) == len(interpreter.get_input_details())
    runner = interpreter.get_signature_runner()
    named = {d["index"]: name for name, d in runner.get_output_details().items()}
    order = [named[d["index"]] for d in interpreter.get_output_details()]
    assert [field(tensor, 0, STRING) for tensor in outputs] == order
    listed = [field(item, 0, STRING) for t in outputs for item in field(t, 6, TABLES) or []]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        labels = {name: archive.read(name).decode().split() for name in archive.namelist()}
    assert sorted(labels) == sorted(listed)
    expected = COLUMNS if SHIPPED[file] == "lane" else SIGN_CLASSES
    assert tuple(labels[max(labels, key=lambda name: len(labels[name]))]) == expected
    assert card["metadata"]["version"] == card["date"]
    assert card["files"][file]["bytes"] == len(content)


@pytest.mark.parametrize("file", SHIPPED)
def test_without_its_metadata_a_shipped_model_is_the_converters_file(file: str) -> None:
    content = (MODELS / file).read_bytes()
    card = json.loads((MODELS / f"{SHIPPED[file]}.json").read_text("utf-8"))
    bare = without_metadata(content)
    assert len(bare) < len(content)
    digest = hashlib.blake2b(bare, digest_size=8).hexdigest()
    assert digest == card["files"][file]["digest"]
    answers = []
    for model in (content, bare):
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        (given,) = interpreter.get_input_details()
        picture = np.random.default_rng(4).integers(0, 255, given["shape"], dtype=np.uint8)
        interpreter.set_tensor(given["index"], picture.astype(given["dtype"]))
        interpreter.invoke()
        found = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
        answers.append(b"".join(value.tobytes() for value in found))
    assert answers[0] == answers[1]


def test_metadata_are_written_once_and_the_same_each_time() -> None:
    content = SHIPPED_MODEL.read_bytes()
    tensors = {name: Tensor("a thing", ("one", "two")) for name in ("picture", "path", "spread")}
    first = with_metadata(content, Metadata("first", "of two", "1", tensors))
    second = with_metadata(first, Metadata("second", "of two", "2", tensors))
    assert without_metadata(first) == without_metadata(second) == without_metadata(content)
    assert with_metadata(second, Metadata("first", "of two", "1", tensors)) == first
    assert field(metadata_of(second), 0, STRING) == "second"
    model = schema.Model.GetRootAs(second, 0)
    assert model.BuffersLength() == schema.Model.GetRootAs(content, 0).BuffersLength()
    with zipfile.ZipFile(io.BytesIO(second)) as archive:
        assert len(archive.namelist()) == 3


def test_files_without_labels_have_no_archive() -> None:
    tensors = {name: Tensor("a thing") for name in ("picture", "path", "spread")}
    content = with_metadata(SHIPPED_MODEL.read_bytes(), Metadata("bare", "", "1", tensors))
    assert not zipfile.is_zipfile(io.BytesIO(content))
    assert field(metadata_of(content), 0, STRING) == "bare"


def test_no_path_of_this_machine_is_in_a_file() -> None:
    for file in SHIPPED:
        assert str(Path.cwd()).encode() not in (MODELS / file).read_bytes()
