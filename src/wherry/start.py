"""A process that begins and ends quickly."""

import atexit
import gc


def quick_start() -> None:
    """Have Python not look again and again at what imports made, 100,000 objects that stay, nor once more at the end.

    Each took a tenth of a start. Garbage is still collected, of more objects at a time than a start makes.
    """
    gc.set_threshold(200_000, 5, 12)
    atexit.register(gc.freeze)
