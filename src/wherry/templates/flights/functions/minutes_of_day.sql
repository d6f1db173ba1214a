-- Minutes since midnight of a clock time written as a number: 1745 is 1065 and 2400 is 1440.
CREATE MACRO minutes_of_day(hhmm) AS hhmm // 100 * 60 + hhmm % 100;
