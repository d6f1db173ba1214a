-- The weather at the three airports, hour by hour.
--
-- One reading of 1,048 miles per hour is an instrument's error: wind above 200 is taken as not known.
--
-- build: view
-- owner: operations
-- columns:
--   hour:       {checks: [not_null]}
--   origin:     {checks: ["in [EWR, JFK, LGA]"]}
--   wind:       {checks: ["between 0 and 200"], about: "Miles per hour"}
--   rain:       {checks: [">= 0"], about: "Inches in the hour"}
--   visibility: {checks: ["between 0 and 10"], about: "Miles, at most 10"}
-- checks:
--   - unique [origin, hour]

SELECT
    origin,
    time_hour AS hour,
    temp AS temperature,
    humid AS humidity,
    CASE WHEN wind_speed <= 200 THEN wind_speed END AS wind,
    precip AS rain,
    visib AS visibility
FROM raw.weather
