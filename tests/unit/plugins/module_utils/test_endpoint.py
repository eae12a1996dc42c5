# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target's URL, taken apart."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.realtime.plugins.module_utils import _endpoint


@pytest.mark.parametrize(
    ("url", "name", "source", "path"),
    [
        ("rsync://u@host:8730/data", "host/data", "rsync://u@host:8730/data/", b""),
        ("rsync://host/data/", "host/data", "rsync://host/data/", b""),
        ("rsync://u@host/data/a/b", "host/data/a/b", "rsync://u@host/data/", b"a/b/"),
        ("rsync://u@[fe80::1%eth0]:873/data", "[fe80::1%eth0]/data", "rsync://u@[fe80::1%eth0]:873/data/", b""),
        ("file:///backup/a/", "/backup/a", "/backup/a/", b""),
        ("ssh://u@host:2222//a//b/", "host/a/b", "u@host:/a/b/", b""),
        ("ssh://u@[fe80::1]/", "[fe80::1]", "u@[fe80::1]:/", b""),
    ],
)
def test_what_a_url_names(url, name, source, path):
    endpoint = _endpoint.parse(url)
    assert (endpoint.name, endpoint.source, endpoint.path) == (name, source, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data",
        "host:data",
        "rsync://host",
        "rsync://host/",
        "rsync://@host/data",
        "rsync://u@host:99999/data",
        "rsync://u@ho st/data",
        "rsync://u@host/data/../other",
        "rsync://u@host/data\n",
        "ssh://u@host",
        "ssh://-oProxyCommand=x@host/data",
        "ssh://u@host:0/data",
        "ssh://u@host/a/../b",
        "ssh://u@host/a*",
        "file://relative",
    ],
)
def test_what_is_no_target(url):
    with pytest.raises(_endpoint.EndpointError):
        _endpoint.parse(url)


@pytest.mark.parametrize("url", ["rsync://u:hush@host/data", "rsync://u:h@sh@host/data", "ftp://:hush@host/data"])
def test_a_password_in_a_url_is_refused_and_not_repeated(url):
    with pytest.raises(_endpoint.EndpointError) as refused:
        _endpoint.parse(url)
    assert "sh@" not in str(refused.value)
    assert _endpoint.password_in(url) in ("hush", "h@sh")


def test_a_target_behind_a_tunnel_is_reached_at_this_hosts_end_and_called_by_the_other():
    endpoint = _endpoint.parse("rsync://u@172.16.1.41:874/data/x", "/etc/x", "127.70.1.1:8740")
    assert endpoint.source == "rsync://u@127.70.1.1:8740/data/"
    assert (endpoint.name, endpoint.path) == ("172.16.1.41/data/x", b"x/")
    assert _endpoint.parse("rsync://172.16.1.41/data", None, "[::1]:8740").source == "rsync://[::1]:8740/data/"


@pytest.mark.parametrize("through", ["127.0.0.1", "a b:1", "h:1/x", ""])
def test_an_end_of_a_tunnel_that_is_none_is_refused(through):
    with pytest.raises(_endpoint.EndpointError, match=r"tls\.connect"):
        _endpoint.parse("rsync://u@172.16.1.41:874/data", "/etc/x", through)
