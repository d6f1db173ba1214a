-- Every state that a plane's registration was seen in: when its seats or engines change, the old row stays, closed.
--
-- build: history on tailnum
-- owner: operations
-- tags: [fleet]
-- columns:
--   tailnum: {checks: [not_null]}
--   seats:   {checks: ["> 0"]}

SELECT tailnum, manufacturer, model, engines, seats
FROM marts.dim_plane
