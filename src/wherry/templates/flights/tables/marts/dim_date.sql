-- The days of 2013 and the holidays that fill airports.
--
-- owner: operations
-- columns:
--   date_day: {checks: [not_null, unique]}
--   weekday:  {about: "1 is Monday"}
-- checks:
--   - rows > 364

SELECT
    CAST(d.moment AS DATE) AS date_day,
    CAST(month(d.moment) AS INTEGER) AS month,
    CAST(quarter(d.moment) AS INTEGER) AS quarter,
    CAST(isodow(d.moment) AS INTEGER) AS weekday,
    dayname(d.moment) AS day_name,
    isodow(d.moment) > 5 AS is_weekend,
    h.holiday
FROM range(TIMESTAMP '2013-01-01', TIMESTAMP '2014-01-01', INTERVAL 1 DAY) AS d (moment)
LEFT JOIN (
    VALUES
        (DATE '2013-01-01', 'New Year'),
        (DATE '2013-05-27', 'Memorial Day'),
        (DATE '2013-07-04', 'Independence Day'),
        (DATE '2013-09-02', 'Labor Day'),
        (DATE '2013-11-28', 'Thanksgiving'),
        (DATE '2013-12-25', 'Christmas')
) AS h (day, holiday) ON h.day = CAST(d.moment AS DATE)
