"""What is still to be asked of tables that are published, whichever run published them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from wherry.model.dataclass import dataclass
from wherry.model.graph import Graph
from wherry.model.plan import Built
from wherry.run.record import from_state

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.pointer import Pointer


@dataclass(slots=True)
class Owed:
    """Tables with checks ``when: after``, and the versions of them that were published, or are about to be, unasked.

    It is noted with the run before it publishes: killed in between, the next run sees by the version what came of it.
    """

    graph: Graph
    #: By lower-case name.
    versions: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, graph: Graph, left: Mapping[str, str]) -> Owed:
        """What earlier runs left, as far as it is asked still."""
        return cls(graph, {key: (version,) for key, version in left.items() if _asks(graph, key)})

    def add(self, names: Collection[str], built: Mapping[str, Built]) -> bool:
        """These are about to be published. Whether any of them is asked something then."""
        asking = [name.lower() for name in names if _asks(self.graph, name.lower())]
        for key in asking:
            self.versions[key] = tuple(dict.fromkeys((*self.versions.get(key, ()), built[key].version)))
        return bool(asking)

    def due(self, lake: Lake, branch: str, among: Collection[str]) -> dict[str, Pointer]:
        """What is published of those tables that are to be asked."""
        found = {}
        for key, versions in self.versions.items():
            pointer = lake.pointer(branch, key) if key in among else None
            built = from_state(pointer.state) if pointer is not None else None
            if pointer is not None and built is not None and built.version in versions:
                found[key] = pointer
        return found

    def asked(self, key: str) -> None:
        del self.versions[key]


def _asks(graph: Graph, key: str) -> bool:
    return key in graph.assets and bool(graph.assets[key].later_checks)
