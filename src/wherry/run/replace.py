"""A table made anew takes the place of the old one at once: written beside it, then moved there in one commit."""

from __future__ import annotations

from wherry.lake.pointer import Put
from wherry.run.session import Session

#: Ends the name of a table that is being written to take another's place.
NEW = "__wherry_new"


def place_for(session: Session, table: str, *, resume: bool = False) -> str:
    """The name to write a table under so that the one that is there, if any, stays whole until ``take_place``.

    What an earlier attempt left there is dropped, unless it is to be gone on with (``resume``).
    """
    if table.lower() not in session.pointers:
        return table
    beside = table + NEW
    left = session.lake.pointer(session.branch, beside)
    if left is not None and not resume:
        drop = Put(name=left.full_name, kind="dropped")
        session.lake.put(session.branch, [drop], author="", message=f"start {table} again")
    return beside


def take_place(session: Session, *written: tuple[str, str]) -> None:
    """Move tables from the names they were written under to their own, all in one commit, with their states.

    A table beside which nothing was written goes.
    """
    puts = []
    for beside, table in written:
        if beside == table:
            continue
        pointer = session.lake.pointer(session.branch, beside)
        if pointer is None and table.lower() in session.pointers:
            puts.append(Put(name=table, kind="dropped"))
        elif pointer is not None:
            puts.append(Put(name=table, kind="table", location=pointer.location, state=pointer.state))
            puts.append(Put(name=beside, kind="dropped"))
    if puts:
        session.lake.put(session.branch, puts, author="", message=f"replace {written[0][1]}")
