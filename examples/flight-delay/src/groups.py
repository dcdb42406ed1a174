"""Features by where they come from, and which of them are categories."""

GROUPS = {
    "schedule": ["hour", "minute", "weekday", "carrier", "origin", "distance"],
    "destination": ["dest", "holiday"],
    "weather": ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"],
}
CATEGORIES = ["carrier", "dest", "origin"]


def columns(groups: list[str]) -> list[str]:
    """The columns of some groups, in a fixed order."""
    return [name for group in GROUPS if group in groups for name in GROUPS[group]]
