# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log-in's answer, against what rsync itself takes for right."""

from __future__ import annotations

from ansible_collections.lockstep.realtime.plugins.module_utils._greeting import Greeting, response


def test_a_response_is_the_digest_in_base64_without_padding():
    assert response("md5", b"secret", b"challenge") == b"QEiMMf9XE5h9Y4xG3FmQOA"
    assert len(response("sha512", b"secret", b"challenge")) == 86
    assert not response("sha256", b"secret", b"challenge").endswith(b"=")


def test_the_first_of_ours_that_the_daemon_has_is_used():
    assert Greeting(32, 0, ["md5", "sha256"]).digest == "sha256"
    assert Greeting(30, 0, None).digest == "md5"
    assert Greeting(32, 0, ["blake3"]).digest is None
