"""What the weather costs: minutes of delay per inch of rain, mile of clear view and so on, airport by airport.

An ordinary least squares fit of every departure's delay on the weather of its hour. The sums it needs are
gathered batch by batch, so memory does not grow with the flights.
"""

from wherry import Table, table

TERMS = ("constant", "rain", "wind", "visibility", "temperature")


@table(
    build="replace",
    owner="operations",
    columns={
        "origin": {"checks": ["not_null", "in [EWR, JFK, LGA]"]},
        "term": {"checks": ["not_null"], "about": "What changes by one: inch, mile per hour, mile, degree Fahrenheit"},
        "minutes": {"checks": ["not_null"], "about": "Delay that comes with it"},
        "standard_error": {"checks": ["> 0"]},
        "departures": {"checks": ["> 1000"]},
    },
    checks=["unique [origin, term]", "rows > 0"],
)
def weather_delay(weather: Table["marts.departure_weather"]):
    import numpy as np
    import pyarrow as pa

    size = len(TERMS)
    squares: dict[str, np.ndarray] = {}
    for batch in weather.batches():
        origins = np.asarray(batch.column("origin").to_pylist())
        names = (*TERMS[1:], "departure_delay")
        numbers = [batch.column(name).to_numpy(zero_copy_only=False).astype(float) for name in names]
        rows = np.column_stack([np.ones(batch.num_rows), *numbers])
        for origin in np.unique(origins):
            here = rows[origins == origin]
            squares[origin] = squares.get(origin, np.zeros((size + 1, size + 1))) + here.T @ here

    found = []
    for origin in sorted(squares):
        total = squares[origin]
        count = int(total[0, 0])
        effect = np.linalg.solve(total[:size, :size], total[:size, size])
        residue = total[size, size] - effect @ total[:size, size]
        error = np.sqrt(np.diag(np.linalg.inv(total[:size, :size])) * residue / (count - size))
        for index, term in enumerate(TERMS):
            found.append(
                {
                    "origin": str(origin),
                    "term": term,
                    "minutes": round(float(effect[index]), 4),
                    "standard_error": round(float(error[index]), 4),
                    "departures": count,
                }
            )
    return pa.Table.from_pylist(found)
