-- Who holds the right to do a task on a branch.
CREATE TABLE lease (
    task TEXT NOT NULL,
    branch TEXT NOT NULL,
    holder TEXT NOT NULL,
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    born TEXT NOT NULL,
    since TEXT NOT NULL,
    beat TEXT NOT NULL,
    PRIMARY KEY (task, branch)
);
