"""Whatever a file holds that somebody calls a confxml.xml or lsyncd.conf.lua: it is converted, or refused."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep import convert

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)
CORPUS = Path(__file__).parent / "corpus"
PARTS = [part for path in sorted(CORPUS.glob("*.[xl]*")) for part in path.read_bytes().split(b" ")]


@FUZZ
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PARTS), max_size=60).map(b" ".join)))
def test_whatever_is_given_is_converted_or_refused_and_nothing_else(data: bytes) -> None:
    """What is converted is a configuration with a mirror."""
    for text in (data, b"<head>" + data + b"</head>", b"sync { default.rsync, " + data + b"}"):
        with contextlib.suppress(convert.ConvertError):
            assert yaml.safe_load(convert.as_configuration(convert.convert(text)))["mirrors"]
