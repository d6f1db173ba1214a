-- How punctual every airline was at every airport, day by day.
--
-- Three days are built again each time, for flights that are reported late.
--
-- build: incremental by flight_date
-- grain: day
-- start: 2013-01-01
-- lookback: 3
-- owner: operations
-- columns:
--   flight_date: {checks: [not_null, refers to marts.dim_date.date_day]}
--   carrier:     {checks: [not_null, refers to marts.dim_airline.carrier]}
--   departures:  {checks: ["> 0"], about: "Scheduled departures"}
--   late:        {checks: [">= 0"], about: "Departures 15 minutes or more after the schedule"}
--   late_share:  {checks: ["between 0 and 1"], about: "Of the departures that were not cancelled"}
--   mean_delay:  {about: "Minutes, of the departures that were not cancelled"}
-- checks:
--   - rows > 0
--   - unique [flight_date, carrier, origin]
--   - late + cancelled <= departures

SELECT
    flight_date,
    carrier,
    origin,
    count(*) AS departures,
    count(*) FILTER (WHERE cancelled) AS cancelled,
    count(*) FILTER (WHERE late) AS late,
    share(count(*) FILTER (WHERE late), count(departed_at)) AS late_share,
    avg(departure_delay) AS mean_delay
FROM marts.fact_departure
WHERE flight_date >= $start AND flight_date < $end
GROUP BY ALL
