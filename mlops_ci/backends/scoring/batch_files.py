"""Where batches of rows come from and go to: paths of this machine, and `s3://bucket/key`.

It is loaded in two places: by us, and by the script that scores in the user's environment, where nothing of ours is
installed. So it needs nothing but pyarrow, and any Python from 3.8.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

S3 = "s3://"
BUFFER = 1 << 20  # bytes that are read ahead of each column, so that a large row group is never in memory as a whole


def system(place: str, environ: Mapping[str, str]) -> tuple[Any, str]:
    """(pyarrow's file system, the path in it) of a place."""
    from pyarrow import fs

    if not place.startswith(S3):
        return fs.LocalFileSystem(), place
    path = place[len(S3) :]
    return fs.S3FileSystem(**_s3(path.partition("/")[0], environ)), path


def _s3(bucket: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Credentials are found as AWS's own tools find them; the endpoint is told: older pyarrow does not look."""
    from pyarrow import fs

    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
    if not endpoint:
        return {"region": region or fs.resolve_s3_region(bucket)}
    scheme, _, host = endpoint.rpartition("://")
    found = {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
    return {**found, "region": region} if region else found


def open_parquet(place: str, environ: Mapping[str, str]) -> Any:
    """A ParquetFile that reads a row group a piece at a time; whoever opens it closes it."""
    from pyarrow import parquet

    files, path = system(place, environ)
    far = place.startswith(S3)
    # A far object is fetched in few large pieces, one row group at a time; a near file in many small ones.
    return parquet.ParquetFile(files.open_input_file(path), pre_buffer=far, buffer_size=0 if far else BUFFER)


def put(local: str, place: str, environ: Mapping[str, str]) -> None:
    """A finished file to its place, where it is whole or absent."""
    if not place.startswith(S3):
        os.replace(local, place)
        return
    from pyarrow import fs

    files, path = system(place, environ)
    fs.copy_files(local, path, source_filesystem=fs.LocalFileSystem(), destination_filesystem=files)
    os.unlink(local)
