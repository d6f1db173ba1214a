-- Every departure that left, beside the weather of its hour. The last day of the year has no weather.
--
-- build: view
-- owner: operations
-- columns:
--   departure_delay: {checks: [not_null]}
-- checks:
--   - rows > 300000

SELECT
    d.origin,
    d.departure_delay,
    w.rain,
    w.wind,
    w.visibility,
    w.temperature
FROM marts.fact_departure AS d
JOIN staging.weather AS w ON w.origin = d.origin AND w.hour = d.hour
WHERE NOT d.cancelled AND w.wind IS NOT NULL AND w.temperature IS NOT NULL
