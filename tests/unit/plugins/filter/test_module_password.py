"""Each module of a backup host has a password of its own, which tells nothing of the one it is made of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.module_password import module_password

PASSWORD = "a long password, ünlike others"


class Encrypted:
    """As ansible-core before 2.19 hands on what ansible-vault encrypted alone: it is no str."""

    __ENCRYPTED__ = True

    def __str__(self) -> str:
        return PASSWORD


def test_it_is_made_by_hmac_of_a_label_the_backup_host_and_the_module():
    message = b"lockstep.realtime password of a module\0backup01\0data"
    made = base64.urlsafe_b64encode(hmac.new(PASSWORD.encode(), message, hashlib.sha256).digest()).decode()
    assert module_password("data", PASSWORD, "backup01") == made.rstrip("=")
    assert re.fullmatch("[A-Za-z0-9_-]{43}", made.rstrip("="))


def test_an_upgrade_of_the_collection_changes_no_password():
    assert module_password("data", "a long password", "backup01") == "5NCK9BIC1j4LSdDbxmw7qEZkpFRbkDTdKPb0Z4x-8t0"


def test_each_module_each_backup_host_and_each_password_comes_to_another_one():
    ends = [
        (module, password, host) for module in ("a", "b") for password in ("x" * 12, "y" * 12) for host in ("a", "b")
    ]
    assert len({module_password(*end) for end in ends}) == len(ends)
    assert module_password("a-b", PASSWORD, "c") != module_password("b", PASSWORD, "c-a")


def test_one_that_is_encrypted_alone_is_as_good_as_one_in_an_encrypted_file():
    assert module_password("data", Encrypted(), "backup01") == module_password("data", PASSWORD, "backup01")


@pytest.mark.parametrize(
    "password", ["", None, 123456789012, "elevenchars", "of two\nlines of it", "x" * 257, ["x" * 12]]
)
def test_what_no_role_takes_is_not_made_into_something_that_it_would_take(password):
    assert module_password("data", password, "backup01") is password


@pytest.mark.parametrize(
    ("module", "host", "what"), [("", "h", "module"), ("m", None, "backup_host"), ("m\0", "h", "module")]
)
def test_without_a_module_or_a_backup_host_there_is_none(module, host, what):
    with pytest.raises(AnsibleFilterError, match=f"module_password: {what} must be a name"):
        module_password(module, PASSWORD, host)
