-- The records of every route: its longest delay and its fastest flight. A route that is flown no more keeps its own.
--
-- build: merge on origin, destination
-- owner: operations
-- columns:
--   origin:        {checks: [not_null, refers to marts.dim_airport.airport]}
--   destination:   {checks: [not_null, refers to marts.dim_airport.airport]}
--   longest_delay: {about: "Minutes"}
--   worst_flight:  {about: "The flight with the longest delay"}
--   fastest:       {checks: ["> 0"], about: "Minutes in the air"}
-- checks:
--   - unique [origin, destination]

SELECT
    origin,
    destination,
    count(*) AS flown,
    max(departure_delay) AS longest_delay,
    max_by(flight_id, (departure_delay, flight_id)) AS worst_flight,
    min(air_minutes) AS fastest
FROM marts.fact_departure
WHERE NOT cancelled
GROUP BY ALL
