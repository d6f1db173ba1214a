"""Numbers of bytes in words."""


def size_told(count: float) -> str:
    """``12 bytes``, ``1.5 kB``, ``3.2 GB``."""
    if count < 1000:
        return f"{count:,.0f} bytes"
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:,.1f} {unit}"
    return f"{count / 1000:,.1f} GB"
