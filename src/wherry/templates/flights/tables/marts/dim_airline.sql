-- The airlines.
--
-- owner: operations
-- columns:
--   carrier: {checks: [not_null, unique, 'matches "^[A-Z0-9]{2}$"'], about: "IATA code"}
--   airline: {checks: [not_null]}

SELECT carrier, name AS airline
FROM raw.airlines
