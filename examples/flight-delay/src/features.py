"""What is known when a flight is due to leave, and the label: did it leave more than 15 minutes late?"""

import pandas as pd

LATE = 15
KNOWN = [
    "month",
    "day",
    "hour",
    "minute",
    "carrier",
    "origin",
    "dest",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
]


def main() -> None:
    flights = pd.read_parquet("data/raw.parquet")
    flown = flights[flights["dep_delay"].notna()].reset_index(drop=True)
    dates = pd.to_datetime(flown[["year", "month", "day"]])
    holidays = set(pd.to_datetime(pd.read_csv("data/holidays.csv")["date"]))
    features = flown[KNOWN].copy()
    features.insert(0, "flight", flown["carrier"] + flown["flight"].astype(str))
    features["weekday"] = dates.dt.dayofweek
    features["holiday"] = dates.isin(holidays).astype("int64")
    features["delayed"] = (flown["dep_delay"] > LATE).astype("int64")
    features.to_parquet("data/features.parquet", index=False)


if __name__ == "__main__":
    main()
