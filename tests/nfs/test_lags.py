"""What arrives and when: each operation of a client, of both versions, measured from the server's answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import VERSIONS
from export import Export
from mount import Mount
from operations import OPERATIONS, Operation, Subject
from table import Lags


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"v{version}")
def test_it_arrives(
    export: Export, mount: Callable[[int], Mount], lags: Lags, version: int, operation: Operation
) -> None:
    """Files that stay open are open until the trees have been found equal: nothing waits for their close."""
    client = mount(version)
    folder = f"{export.top}/{version} {OPERATIONS.index(operation)}"
    client.call("mkdir2", folder, 0o755)
    subjects = [Subject(export, client, f"{folder}/{number}") for number in range(lags.repeated)]
    if operation.prepare is not None:
        for subject in subjects:
            operation.prepare(subject)
    export.settle()
    for subject in subjects:
        operation.act(subject)
        lags.add(operation.name, version, export.lag(client, lambda subject=subject: operation.arrived(subject)))
