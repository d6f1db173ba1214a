"""The hashes that say whether a table is what it should be."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from wherry.model.asset import Asset, Check
from wherry.model.column_pattern import as_written
from wherry.model.graph import Graph
from wherry.model.plan import Built


def digest(*parts: str) -> str:
    told = b"".join(len(part).to_bytes(8, "big") + part.encode("utf-8", "surrogatepass") for part in parts)
    return blake2b(told, digest_size=16).hexdigest()


def recipe(asset: Asset, versions: Mapping[str, str], files: str = "") -> str:
    """Hash of what a table means and of the data it is made from.

    ``versions`` holds the version of each input by lower-case name; ``files`` the fingerprint of files its SQL reads.
    """
    inputs = sorted(f"{name.lower()}={versions[name.lower()]}" for name in asset.inputs)
    return digest(asset.meaning, files, *inputs)


def lineages(graph: Graph) -> dict[str, str]:
    """For each asset the hash of its meaning and that of everything it is made of. O(nodes + edges)."""
    found: dict[str, str] = {}
    for key, asset in graph.assets.items():
        inputs = (f"{name.lower()}={found[name.lower()]}" for name in asset.inputs if name.lower() in found)
        found[key] = digest(asset.meaning, *sorted(inputs))
    return found


def promises(graph: Graph) -> dict[str, str]:
    """For each asset the hash of all that is checked of it: its own checks and the files of SQL that read it."""
    readers: dict[str, list[str]] = {}
    for check in graph.checks:
        for name in check.inputs:
            readers.setdefault(name.lower(), []).append(check.meaning)
    return {
        key: digest(checks_hash(as_written(asset.checks)), *sorted(readers.get(key, ())))
        if asset.checks or key in readers
        else ""
        for key, asset in graph.assets.items()
    }


def referred(asset: Asset) -> list[str]:
    """Lower-case names of the other tables that its checks refer to, sorted."""
    names = {name.lower() for check in asset.checks for name in check.needs}
    return sorted(names - {asset.name.lower()})


def promise(asset: Asset, own: str, built: Mapping[str, Built]) -> str:
    """What a table's checks were held against: their hash ``own``, and the data of the tables they refer to."""
    others = [f"{name}={built[name].version if name in built else ''}" for name in referred(asset)]
    return digest(own, *others) if others else own


def checks_hash(checks: Iterable[Check]) -> str:
    """Hash of a table's promises: another when one is added, removed or changed."""
    described = (
        f"{c.kind} {c.column} {c.columns} {sorted(c.arguments.items())!r} {c.severity} {c.mostly} {c.most} {c.where} "
        f"{c.when} {c.sample} {c.quarantine}{f' {c.matching}' if c.matching else ''}"
        f"{f' {sorted(c.levels.items())!r}' if c.levels else ''}"
        for c in checks
    )
    return digest(*sorted(described))
