"""Files that a table's SQL reads by their path: what they are now."""

from pathlib import Path

from wherry.model.asset import Asset
from wherry.plan.recipe import digest


def fingerprint(asset: Asset, folder: Path) -> str:
    """Hash of name, size and time of each file; the empty string when there is none. Remote files count by name."""
    if not asset.files:
        return ""
    parts = []
    for written in asset.files:
        if "://" in written:
            parts.append(written)
            continue
        paths = sorted(folder.glob(written)) if any(c in written for c in "*?[") else [folder / written]
        for path in paths:
            try:
                status = path.stat()
                parts.append(f"{path}:{status.st_size}:{status.st_mtime_ns}")
            except OSError:
                parts.append(f"{path}:missing")
    return digest(*parts)
