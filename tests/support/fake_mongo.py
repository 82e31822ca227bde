"""An in-memory MongoDB with the operations of `server.storage.mongo`, and as strict.

`tests/server/storage/test_mongo.py` runs with this and with a real mongod.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]


class FakeMongo:
    """One server; all its clients see the same databases."""

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, PaperCollection]] = {}
        self.closed = 0
        self.is_down = False
        self.is_cut_off = False
        """Writes succeed, but their answers do not arrive."""
        self.admin = self

    def __call__(self, uri: str, **options: Any) -> FakeMongo:
        assert options["tz_aware"]
        assert options["serverSelectionTimeoutMS"] == 5000
        return self

    def get_database(self, name: str, write_concern: WriteConcern) -> PaperDatabase:
        assert write_concern.document == {"w": "majority", "wtimeout": 5000}
        return PaperDatabase(self, self.databases.setdefault(name, {}))

    async def command(self, name: str) -> Document:
        assert name == "ping"
        self.check()
        return {"ok": 1.0}

    async def close(self) -> None:
        self.closed += 1

    def check(self) -> None:
        if self.is_down:
            raise OperationFailure("it is down")

    def answer(self) -> None:
        if self.is_cut_off:
            raise AutoReconnect("connection closed")


class PaperDatabase:
    def __init__(self, server: FakeMongo, collections: dict[str, PaperCollection]) -> None:
        self._server, self._collections = server, collections

    def __getitem__(self, name: str) -> PaperCollection:
        return self._collections.setdefault(name, PaperCollection(self._server))


class PaperCollection:
    def __init__(self, server: FakeMongo) -> None:
        self._server = server
        self.documents: dict[str, Document] = {}
        self.unique: dict[str, tuple[list[str], Document]] = {}

    async def create_index(
        self,
        keys: list[tuple[str, int]],
        name: str = "",
        unique: bool = False,
        partialFilterExpression: Mapping[str, Any] | None = None,  # noqa: N803
    ) -> None:
        self._server.check()
        if unique:
            fields = [field for field, _ in keys]
            self.unique[name] = (fields, dict(partialFilterExpression or {}))

    async def index_information(self) -> Document:
        return dict.fromkeys(self.unique)

    async def drop_index(self, name: str) -> None:
        del self.unique[name]

    async def insert_one(self, document: Mapping[str, Any]) -> None:
        self._server.check()
        document = {"_id": f"made-{len(self.documents)}", **document}
        if document["_id"] in self.documents:
            raise DuplicateKeyError("E11000 duplicate key error index: _id_")
        self._check_unique(document)
        self.documents[document["_id"]] = copy.deepcopy(dict(document))
        self._server.answer()

    async def find_one(
        self, wanted: Mapping[str, Any], sort: list[tuple[str, int]] | None = None
    ) -> Document | None:
        self._server.check()
        found = self._matching(wanted)
        for field, direction in reversed(sort or []):
            found.sort(key=lambda document: document[field], reverse=direction < 0)
        return copy.deepcopy(found[0]) if found else None

    def find(self, wanted: Mapping[str, Any]) -> PaperCursor:
        self._server.check()
        return PaperCursor(copy.deepcopy(self._matching(wanted)))

    async def find_one_and_update(
        self,
        wanted: Mapping[str, Any],
        update: Mapping[str, Any],
        return_document: bool,
        upsert: bool = False,
    ) -> Document | None:
        self._server.check()
        found = self._matching(wanted)
        if not found and upsert:
            self.documents[wanted["_id"]] = {"_id": wanted["_id"]}
            found = self._matching(wanted)
        if not found:
            return None
        before = copy.deepcopy(found[0])
        after = {**found[0], **copy.deepcopy(update.get("$set", {}))}
        for field, more in update.get("$inc", {}).items():
            after[field] = after.get(field, 0) + more
        for field, value in update.get("$addToSet", {}).items():
            after[field] = [*after.get(field, []), value]
        self._check_unique(after)
        found[0].update(after)
        if not upsert:  # what counts and leases is answered
            self._server.answer()
        return copy.deepcopy(after) if return_document else before

    async def update_one(
        self, wanted: Mapping[str, Any], update: Mapping[str, Any], upsert: bool = False
    ) -> None:
        self._server.check()
        found = self._matching(wanted)
        if not found and upsert:
            new = {**wanted, **update["$set"], **update.get("$setOnInsert", {})}
            await self.insert_one(new)
        for document in found[:1]:
            document.update(copy.deepcopy(update["$set"]))

    async def replace_one(
        self, wanted: Mapping[str, Any], document: Mapping[str, Any]
    ) -> SimpleNamespace:
        self._server.check()
        found = self._matching(wanted)
        for old in found[:1]:
            self.documents[old["_id"]] = {"_id": old["_id"], **copy.deepcopy(dict(document))}
        return SimpleNamespace(matched_count=len(found[:1]))

    def _matching(self, wanted: Mapping[str, Any]) -> list[Document]:
        return [d for d in self.documents.values() if _matches(d, wanted)]

    def _check_unique(self, document: Mapping[str, Any]) -> None:
        for name, (fields, where) in self.unique.items():
            if not _matches(document, where):
                continue
            same = {**where, **{field: document[field] for field in fields}}
            if any(d["_id"] != document["_id"] for d in self._matching(same)):
                raise DuplicateKeyError(f"E11000 duplicate key error index: {name} dup key")


class PaperCursor:
    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def sort(self, field: str, direction: int = 1) -> PaperCursor:
        self._documents.sort(key=lambda document: document[field], reverse=direction < 0)
        return self

    def limit(self, count: int) -> PaperCursor:
        del self._documents[count:]
        return self

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in self._documents:
            yield document


def _matches(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    for field, value in wanted.items():
        have = document.get(field)
        if isinstance(value, Mapping) and "$in" in value:
            if have not in value["$in"]:
                return False
        elif isinstance(value, Mapping) and "$gt" in value:
            if not (isinstance(have, str) and have > value["$gt"]):
                return False
        elif have != value:
            return False
    return True
