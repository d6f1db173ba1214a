-- Days whose punctuality counts other departures than there were.
WITH facts AS (
    SELECT flight_date, count(*) AS departures FROM marts.fact_departure GROUP BY flight_date
),
days AS (
    SELECT flight_date, CAST(sum(departures) AS BIGINT) AS departures FROM marts.daily_punctuality GROUP BY flight_date
)
SELECT flight_date, f.departures AS departures, d.departures AS counted
FROM facts AS f
FULL JOIN days AS d USING (flight_date)
WHERE f.departures IS DISTINCT FROM d.departures
