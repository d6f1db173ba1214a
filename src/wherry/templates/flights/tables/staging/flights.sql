-- One row per scheduled departure, its clock times made into timestamps of New York.
--
-- A delay is minutes after the schedule, so a departure after midnight falls on the next day by itself. Arrival
-- clock times are in the time zone of the destination and are left out; the arrival delay needs no zone.
--
-- build: view
-- owner: operations
-- columns:
--   flight_id:    {checks: [not_null, unique], about: "Day, carrier, flight number and origin"}
--   scheduled_at: {checks: [not_null], about: "When it should have left, New York time"}
--   departed_at:  {about: "When it left; null when it was cancelled"}
--   hour:         {checks: [not_null], about: "The hour of the schedule, the key of the weather"}
--   origin:       {checks: ["in [EWR, JFK, LGA]"]}
-- checks:
--   - CAST(strftime(departed_at, '%H%M') AS INTEGER) = departure_clock % 2400

SELECT
    concat_ws('-', make_date(year, month, day), carrier, flight, origin) AS flight_id,
    make_date(year, month, day) AS flight_date,
    make_date(year, month, day) + to_minutes(minutes_of_day(sched_dep_time)) AS scheduled_at,
    make_date(year, month, day) + to_minutes(minutes_of_day(sched_dep_time) + dep_delay) AS departed_at,
    CAST(dep_time AS INTEGER) AS departure_clock,
    CAST(dep_delay AS INTEGER) AS departure_delay,
    CAST(arr_delay AS INTEGER) AS arrival_delay,
    carrier,
    CAST(flight AS INTEGER) AS flight,
    tailnum,
    origin,
    dest AS destination,
    CAST(air_time AS INTEGER) AS air_minutes,
    CAST(distance AS INTEGER) AS miles,
    time_hour AS hour
FROM raw.flights
