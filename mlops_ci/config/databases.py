"""Which databases data may come from, told before a driver is loaded."""

from __future__ import annotations

from mlops_ci.errors import did_you_mean

KNOWN = ("sqlite", "postgresql", "postgresql+psycopg")
WHY_NOT = {
    "duckdb": "Great Expectations fails every expectation on DuckDB; write the rows to Parquet, and name that file",
    "s3": "fetch the objects with DVC ('dvc import-url'), and name the files",
}


def unusable(url: str) -> tuple[str, str] | None:
    """(what is wrong, what to do) with a database's URL, or None. Neither repeats the URL: it may hold a password."""
    scheme = url.partition("://")[0].lower()
    if scheme in KNOWN:
        return None
    known = f"databases: {', '.join(KNOWN)}"
    return f"no data can be read from '{scheme[:40]}://'", WHY_NOT.get(scheme) or did_you_mean(scheme, KNOWN, known)
