"""The lake: tables on branches, and one way in to all of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from wherry.errors import LakeError
from wherry.lake import branch as branching
from wherry.lake import commit as committing
from wherry.lake import database as db
from wherry.lake import log as logging
from wherry.lake import read, retry, types
from wherry.lake.branch import BranchInfo, Standing
from wherry.lake.carried import Carried
from wherry.lake.clock import stamp
from wherry.lake.commit import Commit
from wherry.lake.names import MAIN
from wherry.lake.pointer import Pointer, Put
from wherry.lake.storage import Storage, open_storage

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.catalog import Catalog
    from wherry.lake.connecting import Database
    from wherry.lake.diff import Moment, TableDiff
    from wherry.lake.filling import DataFile
    from wherry.lake.merge import Preview
    from wherry.lake.server import Server
    from wherry.lake.tables import Tables
    from wherry.lake.threeway import Take


T = TypeVar("T")


def _name(database: Database) -> str:
    """What a lake is called where its files lie: the moment when its database was made, which is that of `main`."""
    with db.glancing(database) as connection:
        made = connection.value("SELECT created_at FROM branch WHERE name = :main", {"main": MAIN})
    return re.sub(r"\D", "", str(made or ""))


class Lake:
    """Tables and views on branches; every change is a commit that can be read and restored."""

    def __init__(self, database: Database, storage: Storage) -> None:
        #: The lake's database, for what is kept beside the pointers.
        self.database = database
        self.storage = storage
        self._carried = Carried()
        self._catalog: Catalog | None = None
        self._server: Server | None = None
        self._lock = Lock()

    @classmethod
    def open(
        cls,
        database: str | Path,
        root: str | Path,
        variables: Mapping[str, str] | None = None,
        *,
        project: str = "",
    ) -> Lake:
        """Open a lake, or make a new one: ``database`` is a SQLite file or postgresql://..., ``root`` a folder or the
        address of one in a bucket, whose credentials are among ``variables`` (None: those of the environment).

        In PostgreSQL its tables are in the schema that the address names, else in that of ``project``.
        Raises ``NewerLake`` when a newer wherry made it.
        """
        storage = open_storage(root, os.environ if variables is None else variables)
        opened = db.open_database(str(database), stamp(), project)
        storage.lake = partial(_name, opened)
        return cls(opened, storage)

    def close(self) -> None:
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None
        self.database.dispose()

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What a branch sees

    def pointers(self, branch: str, at: int | None = None) -> dict[str, Pointer]:
        """Everything the branch sees now, or saw at commit number ``at``, by full name in lower case."""
        with db.reading(self.database) as connection:
            return read.see(connection, branch, at)

    def pointer(self, branch: str, name: str, at: int | None = None) -> Pointer | None:
        """The table or view of this name (upper and lower case are the same), or None."""
        with db.reading(self.database) as connection:
            found = read.find(connection, branch, name, at)
        return None if found is None or found.kind == "dropped" else found

    def own_pointers(self, branch: str) -> dict[str, Pointer]:
        """Only what the branch itself changed and has not published, dropped ones included."""
        with db.reading(self.database) as connection:
            return read.own(connection, branch)

    def base_pointers(self, branch: str) -> dict[str, Pointer]:
        """What the branch's changes start from: its parent at the fork, and what it published since."""
        with db.reading(self.database) as connection:
            return read.base(connection, branch)

    def columns(self, pointer: Pointer) -> list[tuple[str, str]]:
        """Names and DuckDB types of a table's columns, read from its metadata alone."""
        if pointer.location is None:
            raise LakeError(f"the columns of the {pointer.kind} `{pointer.full_name}` are not kept")
        return types.columns(self.storage.read(pointer.location))

    # Changes

    def put(
        self,
        branch: str,
        puts: Sequence[Put],
        *,
        author: str,
        message: str,
        run: str | None = None,
        expected: Mapping[str, int | None] | None = None,
    ) -> Commit:
        """Set views, drop names, change states or locations: one commit, all or nothing.

        ``expected`` holds, by name, the ``seq`` that the caller saw (None: nothing). Raises ``Conflict``.
        """
        return committing.put(
            self.database, self.storage, branch, puts, author=author, message=message, run=run, expected=expected
        )

    def carry(self, branch: str, name: str, state: Mapping[str, Any]) -> None:
        """Give the next commit of this table on this branch its state: both move in one transaction, once.

        A commit that fails leaves it waiting; ``uncarry`` takes it back.
        """
        self._carried.put(branch, name, state)

    def uncarry(self, branch: str, name: str) -> None:
        """Forget a carried state, if there is one."""
        self._carried.remove(branch, name)

    def fill(
        self,
        branch: str,
        name: str,
        metadata: Mapping[str, Any],
        files: Sequence[DataFile],
        connection: DuckDBPyConnection,
    ) -> None:
        """Make files that ``filling.copy_statement`` had DuckDB write, for a table of that metadata, its first rows.

        What was carried for the table moves with them. Raises ``Conflict`` when the table is another by now or has
        rows; then, and only then, the files are gone.
        """
        from wherry.lake.filling import fill

        fill(self, branch, name, metadata, files, connection)

    def merge(
        self,
        source: str,
        *,
        onto: str | None = None,
        only: Collection[str] | None = None,
        take: Take = None,
        puts: Sequence[Put] = (),
        author: str,
        message: str,
        run: str | None = None,
        dry_run: bool = False,
    ) -> Commit | None:
        """Bring what ``source`` changed to ``onto`` (its parent), all at once; None when there is nothing.

        ``only`` names the tables to bring; ``puts`` are further changes of the same commit. Raises ``Conflict`` naming
        every table that both changed and ``take`` does not decide. ``dry_run`` tells what would be done.
        """
        from wherry.lake.merge import merge

        return merge(
            self.database,
            self.storage,
            source,
            onto=onto,
            only=only,
            take=take,
            puts=puts,
            author=author,
            message=message,
            run=run,
            dry_run=dry_run,
        )

    def preview_merge(
        self, source: str, *, onto: str | None = None, only: Collection[str] | None = None, take: Take = None
    ) -> Preview:
        """What ``merge`` would do now, conflicts included."""
        from wherry.lake.merge import preview

        return preview(self.database, self.storage, source, onto=onto, only=only, take=take)

    def restore(
        self,
        commit: str,
        *,
        branch: str = MAIN,
        only: Collection[str] | None = None,
        author: str,
        dry_run: bool = False,
    ) -> Commit:
        """Make the branch (or the tables ``only``) look as right after that commit, or at a time, as a new commit."""
        from wherry.lake.restore import restore

        return restore(self.database, self.storage, commit, branch=branch, only=only, author=author, dry_run=dry_run)

    def retrying(
        self, work: Callable[[], T], *, tables: Sequence[str] = (), branch: str = MAIN, attempts: int = retry.ATTEMPTS
    ) -> T:
        """Do ``work``, which writes ``tables`` on ``branch``, again for as long as others are faster; what it returns.

        ``work`` must leave nothing behind when it fails. Raises ``Conflict`` after so many attempts.
        """
        return retry.retrying(self, work, tables=tables, branch=branch, attempts=attempts)

    # Branches

    def create_branch(self, name: str, *, parent: str = MAIN, at: int | None = None, author: str = "") -> None:
        """Make a branch that sees what ``parent`` sees now, or saw at commit number ``at``."""
        branching.create(self.database, name, parent=parent, at=at, author=author)

    def drop_branch(self, name: str, *, force: bool = True) -> tuple[str, ...]:
        """Forget a branch and what it did not publish; returns the names of that. Refused when there is such, without
        ``force``."""
        return branching.drop(self.database, name, force=force)

    def rename_branch(self, old: str, new: str) -> None:
        """Give a branch another name."""
        branching.rename(self.database, old, new)

    def standing(self, name: str) -> Standing:
        """The tables that a branch changed and those that its parent changed since they parted."""
        return branching.standing(self.database, self.storage, name)

    def branches(self) -> list[BranchInfo]:
        """All branches, ``main`` first."""
        return branching.listing(self.database)

    def continue_branch(self, old: str, new: str, *, onto: str = MAIN, author: str = "") -> list[str]:
        """Make ``new`` from the head of ``onto``, take over what ``old`` built on still valid ground, drop ``old``.

        Returns the names taken over.
        """
        return branching.proceed(self.database, self.storage, old, new, onto=onto, author=author)

    # History

    def log(
        self,
        branch: str | None = MAIN,
        *,
        table: str | None = None,
        author: str | None = None,
        run: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> list[Commit]:
        """Commits that made the branch what it is (None: of all branches), newest first."""
        return logging.commits(
            self.database, branch, table=table, author=author, run=run, since=since, until=until, limit=limit
        )

    def commit(self, prefix: str) -> Commit:
        """The commit whose id begins so."""
        return logging.by_id(self.database, prefix)

    def rows_before(self, commit: Commit) -> dict[str, int | None]:
        """Rows of a commit's tables as they were before it, by full name; without those that it made."""
        return logging.rows_before(self.database, commit)

    def last_with(self, branch: str, name: str, at: int | None = None) -> tuple[Commit, Commit] | None:
        """For a table that the branch dropped: the commit that dropped it, and the one that had set it before."""
        return logging.last_with(self.database, branch, name, at)

    def moment(self, branch: str, at: str) -> int:
        """The number of the commit to read a branch at: one of its own, or the newest at a time. Raises
        ``NoSuchCommit`` where it had none."""
        return logging.moment(self.database, branch, at)

    def resolve(self, at: str) -> int:
        """The number of a commit, given its id or the beginning of it, or of the newest at an ISO time (UTC)."""
        return logging.resolve(self.database, at)

    def find_moment(self, text: str, branch: str = MAIN) -> Moment:
        """The state that ``BRANCH``, ``BRANCH@COMMIT or TIME``, a commit or a time (of ``branch``) means."""
        from wherry.lake.diff import find_moment

        return find_moment(self.database, text, branch)

    def compare(self, one: Moment, other: Moment, only: Collection[str] | None = None) -> list[TableDiff]:
        """Tables and views that differ from ``one`` to ``other``, by name; no data is read."""
        from wherry.lake.diff import compare

        return compare(self.database, self.storage, one, other, only)

    # DuckDB

    def attach(
        self, connection: DuckDBPyConnection, branch: str, alias: str, at: int | None = None, *, author: str = ""
    ) -> None:
        """Attach a branch to a DuckDB connection; as of commit number ``at`` it can only be read.

        What the connection then writes is committed in ``author``'s name. A schema that a statement looked for in vain
        stays missing for this connection, even after a merge brings it: attach again.
        """
        from wherry.lake.attach import attach

        with db.reading(self.database) as reader:
            # DuckDB's own message would not say what is missing.
            read.fork_of(reader, branch)
        self.storage.check()
        attach(connection, self.server, self.storage, branch, alias, at=at, author=author)

    @property
    def catalog(self) -> Catalog:
        """The Iceberg REST catalog: ``catalog.handle(method, path, query, body)``."""
        from wherry.lake.catalog import Catalog
        from wherry.lake.views import Views

        with self._lock:
            if self._catalog is None:
                self._catalog = Catalog(self.database, self.tables, Views(self.database, self.storage))
            return self._catalog

    @property
    def tables(self) -> Tables:
        """What the catalog does with tables, for who need not ask it by way of the protocol."""
        from wherry.lake.tables import Tables

        return Tables(self.database, self.storage, self._carried)

    @property
    def server(self) -> Server:
        """The catalog's loopback server; started when first asked for."""
        from wherry.lake.server import Server

        handle = self.catalog.handle
        with self._lock:
            if self._server is None:
                self._server = Server(handle)
            return self._server
