-- A part of a whole, from 0 to 1; null when there is no whole.
CREATE MACRO share(part, whole) AS part / nullif(whole, 0);
