"""Frozen records that cross module borders. They import nothing of ours but errors."""

from mlops_ci.records.affected import Affected, Change
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Candidate, Judgement, Release, Version
from mlops_ci.records.results import (
    RESULT_VERSION,
    Check,
    Failure,
    Origin,
    Severity,
    StageResult,
    Status,
    Verdict,
    exit_code,
    status_of,
)

__all__ = [
    "RESULT_VERSION",
    "Affected",
    "Candidate",
    "Change",
    "Check",
    "CodecError",
    "Failure",
    "Judgement",
    "Origin",
    "Release",
    "Severity",
    "StageResult",
    "Status",
    "Verdict",
    "Version",
    "decode",
    "encode",
    "exit_code",
    "status_of",
]
