-- Departures of an airline that nobody knows.
SELECT d.flight_id, d.carrier
FROM marts.fact_departure AS d
ANTI JOIN marts.dim_airline AS a ON a.carrier = d.carrier
