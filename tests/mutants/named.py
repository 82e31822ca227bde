"""Changes that are always tried: promises whose breaking no test once noticed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.mutants.changes import Change, change_between


@dataclass(frozen=True, slots=True)
class Named:
    """A change of a file: `before` occurs once in it."""

    name: str
    file: str
    before: str
    after: str

    def change(self, root: Path) -> Change:
        """Return the change as it is in a tree.

        Raises:
            ValueError: the text does not occur once; this table must follow the code.
        """
        source = (root / self.file).read_text()
        count = source.count(self.before)
        if count != 1:
            raise ValueError(
                f"named change {self.name!r}: {self.before!r} is {count}x in {self.file}"
            )
        return change_between(self.file, source, source.replace(self.before, self.after))


NAMED: tuple[Named, ...] = ()
