-- The orders that were paid, with their day.
--
-- columns:
--   order_id: {checks: [not_null, unique]}
--   amount:   {checks: ["> 0"], about: "EUR"}

SELECT
    id AS order_id,
    customer,
    CAST(ordered_at AS DATE) AS order_day,
    CAST(amount AS DECIMAL(12, 2)) AS amount
FROM raw.orders
WHERE status = 'paid'
