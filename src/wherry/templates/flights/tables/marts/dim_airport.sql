-- The airports, and every destination that the file of airports lacks.
--
-- The file leaves out Puerto Rico and the Virgin Islands (BQN, PSE, SJU, STT): they are kept with their code as their
-- name, so that no departure loses its destination. It also has the coordinates of EEN the wrong way round; a
-- warning says so for as long as that is not mended at its source.
--
-- owner: operations
-- columns:
--   airport:   {checks: [not_null, unique], about: "FAA code"}
--   name:      {checks: [not_null]}
--   latitude:  {checks: [{check: "between 15 and 72", severity: warn}]}
--   longitude: {checks: ["between -180 and 180"]}
--   known:     {about: "Whether the file of airports has it"}

WITH flown AS (
    SELECT DISTINCT destination FROM staging.flights
)
SELECT
    coalesce(a.faa, f.destination) AS airport,
    coalesce(a.name, f.destination) AS name,
    a.lat AS latitude,
    a.lon AS longitude,
    CAST(a.alt AS INTEGER) AS feet,
    a.tzone AS time_zone,
    a.faa IS NOT NULL AS known
FROM raw.airports AS a
FULL JOIN flown AS f ON f.destination = a.faa
