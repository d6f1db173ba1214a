"""A check that refers to another table is held against what that table holds now."""

from run_folder import Folder


def test_a_change_of_the_table_referred_to_runs_the_check_again(folder: Folder) -> None:
    folder.write({"tables/s/known.sql": "SELECT 1 AS id"})
    folder.write({"tables/s/rows.sql": "-- columns:\n--   id: {checks: [refers to s.known.id]}\nSELECT 1 AS id"})
    assert folder.run().state == "done"
    folder.write({"tables/s/known.sql": "SELECT 2 AS id"})
    run = folder.run()
    assert {result.name: result.state for result in run.assets} == {"s.known": "built", "s.rows": "failed"}
    folder.write({"tables/s/known.sql": "SELECT id FROM (VALUES (1), (2)) AS v (id)"})
    assert folder.run().state == "done"
    assert all(result.state == "skipped" for result in folder.run().assets)
