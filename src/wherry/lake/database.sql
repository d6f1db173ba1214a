-- The tables of a lake's database. `COUNTER` is a number that the database gives, growing and never twice; it and
-- `NUMBER` are called otherwise in SQLite and in PostgreSQL.

CREATE TABLE meta (
    name TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (name)
);

-- The log: one row per commit on any branch.
CREATE TABLE "commit" (
    seq COUNTER,
    id TEXT NOT NULL,
    branch TEXT NOT NULL,
    author TEXT NOT NULL,
    message TEXT NOT NULL,
    run TEXT,
    at TEXT NOT NULL,
    UNIQUE (id)
);
CREATE INDEX commit_branch ON "commit" (branch, seq);
CREATE INDEX commit_at ON "commit" (at);

-- Everything that ever happened to a table; rows are only added.
CREATE TABLE change (
    seq NUMBER NOT NULL,
    "key" TEXT NOT NULL,
    branch TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    location TEXT,
    sql TEXT,
    state TEXT NOT NULL,
    rows NUMBER,
    old_seq NUMBER,
    PRIMARY KEY (seq, "key"),
    FOREIGN KEY (seq) REFERENCES "commit" (seq)
);
CREATE INDEX change_key ON change (branch, "key", seq);

-- The newest change of each table on each branch since the branch forked.
CREATE TABLE pointer (
    branch TEXT NOT NULL,
    "key" TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    location TEXT,
    sql TEXT,
    state TEXT NOT NULL,
    rows NUMBER,
    seq NUMBER NOT NULL,
    -- False once a partial merge published it: the branch goes on reading it, but has nothing left to publish.
    own BOOLEAN NOT NULL,
    -- The parent's commit that it derives from, where that is not what the parent had at the fork.
    basis NUMBER,
    PRIMARY KEY (branch, "key")
);

CREATE TABLE branch (
    name TEXT NOT NULL,
    parent TEXT,
    base NUMBER,
    created_at TEXT NOT NULL,
    author TEXT NOT NULL,
    -- Which start of the machine a work branch was made in: its files may not have survived another.
    boot TEXT,
    PRIMARY KEY (name)
);
CREATE INDEX branch_parent ON branch (parent);

-- Where a branch stood from `seq` on: a branch forks when it is made and again at each full merge. The older rows keep
-- what branches of this branch read.
CREATE TABLE fork (
    branch TEXT NOT NULL,
    seq NUMBER NOT NULL,
    parent TEXT NOT NULL,
    base NUMBER NOT NULL,
    PRIMARY KEY (branch, seq)
);

-- Schemas that were made by name; one that holds a table exists anyway. No properties: it was dropped here.
CREATE TABLE namespace (
    branch TEXT NOT NULL,
    "key" TEXT NOT NULL,
    name TEXT NOT NULL,
    properties TEXT,
    PRIMARY KEY (branch, "key")
);

CREATE TABLE run (
    id TEXT NOT NULL,
    branch TEXT NOT NULL,
    work_branch TEXT,
    state TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    author TEXT NOT NULL,
    message TEXT NOT NULL,
    pid NUMBER,
    detail TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX run_started ON run (started_at);

CREATE TABLE event (
    seq COUNTER,
    run TEXT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    asset TEXT,
    body TEXT NOT NULL
);
CREATE INDEX event_run ON event (run, seq);
CREATE INDEX event_asset ON event (asset, seq);

-- Who holds the right to do a task on a branch; see `wherry.state.leases`.
CREATE TABLE lease (
    task TEXT NOT NULL,
    branch TEXT NOT NULL,
    -- Random: what the holder knows itself by.
    holder TEXT NOT NULL,
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    -- The start of the machine and the process's own start in it: a later process may get the same number.
    born TEXT NOT NULL,
    since TEXT NOT NULL,
    beat TEXT NOT NULL,
    PRIMARY KEY (task, branch)
);
