"""Whatever JSON comes, it is read or refused: nothing else is raised, and nothing of it is in the words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_ci.serving.bodies import parse
from mlops_ci.serving.events import structured_event
from mlops_ci.serving.refusals import Refusal
from mlops_ci.serving.signature import DATATYPES, SCALARS, Field, Signature
from mlops_ci.serving.v1 import BODIES, read_v1
from mlops_ci.serving.v2 import read_v2

pytestmark = pytest.mark.slow

SCALAR_FIELDS = tuple(
    Field(name=name, family=family, dtype=dtype, label=name, required=name != "double")
    for name, (family, dtype) in SCALARS.items()
)
SIGNATURES = [
    Signature(kind="none"),
    Signature(kind="columns", inputs=SCALAR_FIELDS),
    Signature(kind="columns", inputs=SCALAR_FIELDS[3:5], named=False),
    Signature(kind="columns", inputs=SCALAR_FIELDS[4:5]),
    Signature(kind="tensor", inputs=(Field(name="0", family="float", dtype=np.dtype("f4"), shape=(-1, 2), label=0),)),
    Signature(kind="tensors", inputs=tuple(Field(name=n, family="integer", dtype=np.dtype("i8")) for n in "ab")),
]
MARK = "zqxj"
NAMES = "0 1 a b name shape datatype data columns parameters params probabilities outputs id"
KEYS = st.sampled_from([*BODIES, *SCALARS, *NAMES.split(), MARK])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([MARK, "", "1", "AAA=", "2026-01-31", "0001-01-01", "a", *DATATYPES])
)
ANY = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=4) | st.dictionaries(KEYS, part, max_size=5), max_leaves=20
)
SIZES = st.lists(st.integers(-1, 4), max_size=3)
TENSORS = st.lists(
    st.fixed_dictionaries(
        {
            "name": KEYS,
            "shape": SIZES,
            "datatype": st.sampled_from([*DATATYPES, MARK]),
            "data": st.lists(ANY, max_size=5),
        }
    ),
    max_size=3,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from([*SCALARS]), LEAVES, max_size=9), max_size=3)
V1 = st.dictionaries(st.sampled_from([*BODIES, "parameters", "params"]), ANY | RECORDS, min_size=1, max_size=2)
V2 = st.fixed_dictionaries({"inputs": TENSORS}, optional={"id": LEAVES, "parameters": ANY, "outputs": ANY}) | ANY


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=V1 | V2, signature=st.sampled_from(SIGNATURES), refuse_null=st.booleans())
def test_every_document_is_read_or_refused(document: Any, signature: Signature, refuse_null: bool) -> None:
    for read in (read_v1, read_v2):
        try:
            question = read(parse(json.dumps(document).encode()), signature, refuse_null=refuse_null)
        except Refusal as refusal:
            assert 400 <= refusal.status < 500
            assert MARK not in refusal.body().decode()
        else:
            assert {len(values) for values in question.columns.values()} == {question.rows}


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=50) | ANY.map(lambda document: json.dumps(document).encode()))
def test_every_body_is_an_event_or_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        structured_event(body)
