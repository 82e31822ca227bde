"""TFLite metadata: a model's name, version and the meaning of its tensors, inside its file.

The format is TensorFlow's "TensorFlow Lite Metadata" (metadata_schema.fbs, identifier M001): a
flatbuffer that the model refers to as TFLITE_METADATA, and label files in a zip archive after the
model's bytes. The libraries that write it (tflite-support, MediaPipe) pin protobuf or another
OpenCV, so its few tables are packed here by their slots.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from pixelopolis.model_io.labels import label_file

FIELD: Final = b"TFLITE_METADATA"
MODEL_IDENTIFIER, METADATA_IDENTIFIER = b"TFL3", b"M001"
AUTHOR, LICENSE = "Pixelopolis", "Apache-2.0"
MIN_PARSER: Final = "1.0.0"

AXIS_LABELS, VALUE_LABELS = 2, 3
"""The schema's AssociatedFileType: labels of the positions, and of the values."""
_DAY_0: Final = (1980, 1, 1, 0, 0, 0)
"""Date of files in the archive, fixed so that the same model gives the same bytes."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Meaning of an input or output."""

    description: str
    labels: tuple[str, ...] = ()
    labels_kind: int = AXIS_LABELS


@dataclass(frozen=True, slots=True)
class Metadata:
    """A model's description; tensors by their names in its signature."""

    name: str
    description: str
    version: str
    tensors: Mapping[str, Tensor]


def with_metadata(content: bytes, metadata: Metadata) -> bytes:
    """Return a .tflite file's content with metadata, replacing any that it has.

    No operator, weight or signature changes: `without_metadata` restores the same bytes.
    """
    model = _parsed(without_metadata(content))
    names = _names(model)
    buffer = schema.BufferT()
    buffer.data = list(_packed(metadata, model, names))
    entry = schema.MetadataT()
    entry.name, entry.buffer = FIELD, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    file = io.BytesIO(_bytes(model))
    for name in names.values():
        if labels := metadata.tensors[name].labels:
            text = "".join(f"{label}\n" for label in labels)
            with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
                archive.writestr(zipfile.ZipInfo(label_file(name), _DAY_0), text)
    return file.getvalue()


def add_metadata(
    card: Mapping[str, Any],
    contents: Mapping[str, bytes],
    tensors: Callable[[str], Mapping[str, Tensor]],
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return a model's card and its files with metadata; the card describes those files.

    Args:
        card: with `name`, `task`, `date` and `files`.
        contents: every file by its name, with metadata or without.
        tensors: returns the meaning of a file's tensors, by their names in its signature.
    """
    name, task, version = card["name"], card["task"], card["date"]
    bare = {file: without_metadata(content) for file, content in contents.items()}
    described = {
        file: with_metadata(content, Metadata(name, task, version, tensors(file)))
        for file, content in bare.items()
    }
    facts = {
        file: {
            **card["files"][file],
            "bytes": len(described[file]),
            "digest": hashlib.blake2b(bare[file], digest_size=8).hexdigest(),
        }
        for file in contents
    }
    labels = {
        label_file(output): list(tensor.labels)
        for file in contents
        for output, tensor in tensors(file).items()
        if tensor.labels
    }
    said = {"name": name, "version": version, "labels": labels}
    return {**card, "metadata": said, "files": facts}, described


def markdown_line(card: Mapping[str, Any]) -> str:
    """Return the metadata's line of a card's page."""
    said = card["metadata"]
    return (
        f"- TFLite metadata in every file: name `{said['name']}`, version `{said['version']}`, "
        f"labels in {', '.join(f'`{file}`' for file in said['labels'])} (`unzip` shows them)."
    )


def without_metadata(content: bytes) -> bytes:
    """Return the model without metadata."""
    model = _parsed(content)
    entries = [entry for entry in model.metadata or [] if entry.name == FIELD]
    if not entries:
        return content
    model.metadata = [entry for entry in model.metadata if entry.name != FIELD]
    for entry in entries:
        if entry.buffer == len(model.buffers) - 1:
            model.buffers.pop()
        else:  # other buffers are referred to by index
            model.buffers[entry.buffer] = schema.BufferT()
    return _bytes(model)


def _parsed(content: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def _bytes(model: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), MODEL_IDENTIFIER)
    return bytes(builder.Output())


@dataclass(frozen=True, slots=True)
class _FlatTable:
    """A flatbuffer table: its fields in the schema's order, None for missing ones."""

    fields: Sequence[str | int | _FlatTable | list[Any] | None]
    """Strings, one-byte numbers, tables, and vectors of strings or tables."""


def _names(model: Any) -> dict[int, str]:
    """Return the signature's names of inputs and outputs by tensor index."""
    signature = model.signatureDefs[0]
    return {
        int(item.tensorIndex): item.name.decode()
        for item in (*signature.inputs, *signature.outputs)
    }


def _packed(metadata: Metadata, model: Any, names: Mapping[int, str]) -> bytes:
    graph = model.subgraphs[0]

    def tensors(indices: Sequence[int]) -> list[_FlatTable]:
        return [_tensor(names[int(i)], metadata.tensors[names[int(i)]]) for i in indices]

    subgraph = _FlatTable([metadata.name, None, tensors(graph.inputs), tensors(graph.outputs)])
    root = _FlatTable(
        [
            metadata.name,
            metadata.description,
            metadata.version,
            [subgraph],
            AUTHOR,
            LICENSE,
            None,
            MIN_PARSER,
        ]
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(_put(builder, root), METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _tensor(name: str, tensor: Tensor) -> _FlatTable:
    files = [_FlatTable([label_file(name), None, tensor.labels_kind])] if tensor.labels else None
    return _FlatTable([name, tensor.description, None, None, None, None, files])


def _put(builder: Any, value: Any) -> int:
    """Write the object of a field; return its offset."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, list):
        places = [_put(builder, item) for item in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())
    inner = {
        slot: _put(builder, field)
        for slot, field in enumerate(value.fields)
        if field is not None and not isinstance(field, int)
    }
    builder.StartObject(len(value.fields))
    for slot, field in enumerate(value.fields):
        if slot in inner:
            builder.PrependUOffsetTRelativeSlot(slot, inner[slot], 0)
        elif field is not None:
            builder.PrependInt8Slot(slot, field, 0)
    return int(builder.EndObject())
