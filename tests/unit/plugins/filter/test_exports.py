"""nfs_exports -> what is wrong with them, and the text of both servers."""

from __future__ import annotations

import re
import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.export_problems import export_problems
from ansible_collections.lockstep.realtime.plugins.filter.export_text import export_text
from hypothesis import given
from hypothesis import strategies as st

WEB = {"host": "172.16.1.0/24"}


def export(**given):
    return {"name": "data", "path": "/data", "clients": [WEB], **given}


def test_an_export_is_one_line_with_safe_options_and_no_blank_before_the_brackets():
    assert export_text([export()]) == "/data 172.16.1.0/24(rw,sync,no_subtree_check,root_squash)\n"


def test_each_client_has_its_own_options():
    clients = [
        {"host": "*.example.org", "access": "ro", "squash": "all", "anon_uid": 33, "anon_gid": 0},
        {
            "host": "10.0.0.0/255.255.255.0",
            "squash": "none",
            "sec": ["krb5", "krb5p"],
            "options": ["insecure", "async"],
        },
        {"host": "@trusted"},
        {"host": "fd00::1"},
    ]
    assert export_text([export(clients=clients, id=7)]).split()[1:] == [
        "*.example.org(ro,sync,no_subtree_check,all_squash,anonuid=33,anongid=0,fsid=7)",
        "10.0.0.0/24(rw,no_subtree_check,no_root_squash,sec=krb5:krb5p,fsid=7,insecure,async)",
        "@trusted(rw,sync,no_subtree_check,root_squash,fsid=7)",
        "fd00::1(rw,sync,no_subtree_check,root_squash,fsid=7)",
    ]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/a b", r"/a\040b"),
        ('/a"b', r"/a\042b"),
        ("/a#b", r"/a\043b"),
        ("/a\\b", r"/a\134b"),
        ("/a\nb(rw)", r"/a\012b\050rw\051"),
        ("/é", r"/\303\251"),
    ],
)
def test_a_path_is_one_word_whatever_it_holds(path, written):
    assert export_text([export(path=path)]).split(" ")[0] == written


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0/"), min_size=1, max_size=40))
def test_what_is_written_for_the_kernel_reads_back_as_the_path(name):
    if name in (".", ".."):
        name = "x"
    (line,) = export_text([export(path=f"/{name}")]).splitlines()
    word, rest = line.split(" ", 1)
    raw = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), word.encode("ascii"))
    assert raw.decode() == f"/{name}"
    assert rest == "172.16.1.0/24(rw,sync,no_subtree_check,root_squash)"


def test_the_octal_form_is_what_printf_reads_back():
    """By another reader than ours."""
    word = export_text([export(path='/a b\n#"é\\')]).split(" ")[0]
    done = subprocess.run(["printf", "%b", word.replace("\\", "\\0")], capture_output=True, text=True, check=True)
    assert done.stdout == '/a b\n#"é\\'


def test_ganesha_lets_in_only_its_clients():
    text = export_text(
        [export(clients=[{"host": "10.0.0.1", "access": "ro", "squash": "all", "anon_uid": 33}])], "ganesha"
    )
    assert "  Access_Type = None;\n" in text
    assert (
        "  CLIENT { Clients = 10.0.0.1; Access_Type = RO; Squash = All_Squash; Anonymous_Uid = 33; SecType = sys; }\n"
    ) in text


def test_ganesha_has_a_path_in_quotes():
    text = export_text([export(path='/a b"c\\d; }')], "ganesha")
    assert r'  Path = "/a b\"c\\d; }";' in text.splitlines()


def test_an_export_keeps_its_number_in_ganesha_wherever_it_stands():
    one, other = export(), export(name="home", path="/home")
    numbers = [
        re.findall(r"Export_Id = (\d+)", export_text(these, "ganesha")) for these in ([one, other], [other, one])
    ]
    assert numbers[0] == numbers[1][::-1]
    assert all(1 <= int(number) <= 65535 for number in numbers[0])
    assert "Export_Id = 9;" in export_text([export(id=9)], "ganesha")


MISTAKES = {
    "no list": ("data", "must be a list"),
    "no dictionary": (["data"], "entry 1 must have name, path and clients"),
    "no name": ([{"path": "/data", "clients": [WEB]}], "name None must be of letters"),
    "a name that leads elsewhere": ([export(name="../x")], "name '../x' must be of letters"),
    "a name with a second line": ([export(name="x\n")], "must be of letters"),
    "no path": ([{"name": "data", "clients": [WEB]}], "data: path None must be absolute"),
    "a relative path": ([export(path="data")], "data: path 'data' must be absolute"),
    "a path with dots": ([export(path="/a/../etc")], "must name one directory"),
    "the root": ([export(path="/")], "must name one directory below /"),
    "a path with a slash at its end": ([export(path="/a/")], "needless slashes"),
    "a NUL": ([export(path="/a\0b")], "it has a NUL"),
    "an unknown key": ([export(client="*")], "an export has no 'client'; it may have name, path, clients, id"),
    "nobody": ([export(clients=[])], "without one nobody could mount it"),
    "a client that is a word": ([export(clients=["*"])], "client '*' must have host"),
    "a client with options of its own": (
        [export(clients=[{"host": "web(rw,no_root_squash)"}])],
        "without blanks or brackets",
    ),
    "two clients in one": ([export(clients=[{"host": "web *"}])], "without blanks or brackets"),
    "a client with a line": ([export(clients=[{"host": "web\n/etc *(rw)"}])], "without blanks or brackets"),
    "a client with a line at its end": ([export(clients=[{"host": "web\n"}])], "without blanks or brackets"),
    "a comment": ([export(clients=[{"host": "#"}])], "without blanks or brackets"),
    "an empty client": ([export(clients=[{"host": ""}])], "without blanks or brackets"),
    "an address that is none": ([export(clients=[{"host": "10.0.0.300"}])], "10.0.0.300"),
    "a network with bits of a host": ([export(clients=[{"host": "10.0.0.5/24"}])], "has host bits set"),
    "an address with a second line": ([export(clients=[{"host": "10.0.0.5\n"}])], "without blanks"),
    "an IPv6 address that is none": ([export(clients=[{"host": "fd00::x"}])], "fd00::x"),
    "an unknown option": ([export(clients=[{**WEB, "options": ["insecur"]}])], "did you mean insecure"),
    "an option with more": ([export(clients=[{**WEB, "options": ["insecure) *(rw"]}])], "is none that is known"),
    "an option that has its own key": ([export(clients=[{**WEB, "options": ["no_root_squash"]}])], "keys of their own"),
    "root for everybody": ([export(clients=[{"host": "*", "squash": "none"}])], "the root of every host"),
    "root for every address": ([export(clients=[{"host": "0.0.0.0/0", "squash": "none"}])], "the root of every host"),
    "a user by name": ([export(clients=[{**WEB, "anon_uid": "www-data"}])], "anon_uid must be the number"),
    "a kind of access": ([export(clients=[{**WEB, "access": "rwx"}])], "access must be rw or ro"),
    "a kind of security": ([export(clients=[{**WEB, "sec": ["none"]}])], "sec must be a list of sys"),
    "one client twice": ([export(clients=[{"host": "10.0.0.1"}, {"host": "10.0.0.1"}])], "10.0.0.1 is listed twice"),
    "one name twice": ([export(), export(path="/home")], "name 'data' is used more than once"),
    "one path twice": ([export(), export(name="home")], "path '/data' is used more than once"),
    "one number twice": ([export(id=1), export(name="home", path="/home", id=1)], "data and home have the same id 1"),
    "a number beyond all": ([export(id=65536)], "id 65536 must be a number within 1 and 65535"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_and_nothing_is_written(mistake):
    exports, said = MISTAKES[mistake]
    assert said in "\n".join(export_problems(exports))
    with pytest.raises(AnsibleFilterError):
        export_text(exports)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (export(path="/a\nb"), "control character, which Ganesha"),
        (export(clients=[{**WEB, "options": ["insecure"]}]), "which Ganesha does not know"),
    ],
)
def test_what_ganesha_does_not_know_is_refused_for_it_alone(wrong, said):
    assert said in "\n".join(export_problems([wrong], "ganesha"))
    assert export_problems([wrong], "kernel") == []


def test_another_server_is_none():
    assert export_problems([export()], "samba") == ["nfs_export_server must be kernel or ganesha, not 'samba'"]
