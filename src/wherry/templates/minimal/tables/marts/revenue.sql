-- Revenue per day.
--
-- columns:
--   order_day: {checks: [not_null, unique]}
--   revenue:   {checks: [not_null, ">= 0"], about: "Paid amount, EUR"}
-- checks: [rows > 0]

SELECT order_day, count(*) AS orders, sum(amount) AS revenue
FROM staging.orders
GROUP BY ALL
