-- The departures: one row per scheduled departure, flown or cancelled.
--
-- AA and MQ report numbers of their own in place of tail numbers, so one departure in seven has no plane. The
-- share is watched, not forbidden.
--
-- owner: operations
-- columns:
--   flight_id:       {checks: [not_null, unique]}
--   flight_date:     {checks: [refers to marts.dim_date.date_day]}
--   carrier:         {checks: [not_null, refers to marts.dim_airline.carrier]}
--   origin:          {checks: [not_null, refers to marts.dim_airport.airport]}
--   destination:     {checks: [not_null, refers to marts.dim_airport.airport]}
--   tailnum:         {checks: [{check: refers to marts.dim_plane.tailnum, mostly: 0.8}]}
--   departure_delay: {checks: ["between -60 and 1440"], about: "Minutes; before the schedule is below zero"}
--   miles:           {checks: ["> 0"]}
--   late:            {about: "Left 15 minutes or more after the schedule, as the regulator counts it"}
-- checks:
--   - rows > 300000
--   - cancelled = (departed_at IS NULL)

SELECT
    flight_id,
    flight_date,
    scheduled_at,
    departed_at,
    carrier,
    flight,
    origin,
    destination,
    tailnum,
    departure_delay,
    arrival_delay,
    air_minutes,
    miles,
    hour,
    departed_at IS NULL AS cancelled,
    coalesce(departure_delay >= 15, FALSE) AS late
FROM staging.flights
