-- The planes, by the number on their tail.
--
-- The year a plane was built is missing for one in fifty.
--
-- owner: operations
-- tags: [fleet]
-- columns:
--   tailnum:    {checks: [not_null, unique, 'matches "^N"']}
--   built_year: {checks: ["between 1950 and 2013", {check: not_null, mostly: 0.95}]}
--   seats:      {checks: ["> 0"]}

SELECT
    tailnum,
    CAST(year AS INTEGER) AS built_year,
    type,
    manufacturer,
    model,
    CAST(engines AS INTEGER) AS engines,
    CAST(seats AS INTEGER) AS seats,
    engine
FROM raw.planes
