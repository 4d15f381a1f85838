"""The TOML reader, held against the standard library's."""

from __future__ import annotations

import datetime
import tomllib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._toml import TomlError, loads

GOOD = [
    "",
    "# nothing\n",
    'a = "b"',
    "a = 'b\\n'\r\nb = 1\r\n",
    'a = "\\t\\u00e9\\U0001F600\\"\\\\"',
    "a.b.c = 1\na.b.d = 2",
    '[host."https://a:1"]\n  capabilities = ["pull",\n  "resolve", # why\n ]\n[host."http://b"]\nskip_verify = true',
    "x = [[1, 2], ['a'], [],]",
    "t = {a = 1, b.c = 'x', d = {}}",
    "t = {}",
    "n = [0, +1, -17, 1_000, 0xDEAD_beef, 0o755, 0b1010]",
    "f = [1.5, -2e10, 6.626e-34, 1_0.0_1, inf, -inf]",
    'm = """\nfirst\nsecond \\\n   third ""quoted"" end"""',
    "m = '''raw \\ 'text' '''",
    'm = """a""\\""""""\n',
    "[a]\nx=1\n[a.b]\ny=2\n[c.d]\nz=3\n[c]\nw=4",
    "[[p]]\nn=1\n[[p]]\nn=2\n[p.q]\nr=3",
    '"quoted key" = 1\n\'other\' = 2\n1234 = 3\n"" = 4',
    "a = 1 # é\n",
    '[plugins."io.containerd.grpc.v1.cri"]\n  stream_server_port = \'0\'\n  [plugins."io.containerd.grpc.v1.cri".containerd]\n    no_pivot = false',
]
BAD = [
    "a",
    "a =",
    "a = b",
    "= 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "[a]\n[a]",
    "[a]\nb = 1\n[a.b]",
    "a = {b = 1}\n[a.c]",
    "a = {b = 1}\na.c = 2",
    "a.b = 1\n[a]",
    "a = [1\n[b]",
    "a = [1 2]",
    'a = "x',
    'a = "x\ny"',
    'a = "\\q"',
    'a = "\\ud800"',
    'a = """x',
    "[a",
    "[]",
    "[a.]",
    "a = 007",
    "a = 1_",
    "a = {b = 1,\nc = 2}",
    "a = 0x",
    "[[a]]\n[a]",
    "a = []\n[[a]]",
    "# \x01",
    "a = tru",
    "[a]]",
]


@pytest.mark.parametrize("text", GOOD)
def test_reads_as_the_standard_library_does(text):
    assert loads(text) == tomllib.loads(text)


@pytest.mark.parametrize("text", BAD)
def test_refuses_what_the_standard_library_refuses(text):
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    with pytest.raises(TomlError, match="^line [0-9]+: "):
        loads(text)


@pytest.mark.parametrize("text", ["2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05.5+01:00", "03:04:05"])
def test_moments_stay_text(text):
    assert loads(f"a = {text} # x") == {"a": text}
    assert isinstance(tomllib.loads(f"a = {text}")["a"], (datetime.date, datetime.time))


def test_order_is_kept():
    assert list(loads('[host."http://b"]\n[host."http://a"]')["host"]) == ["http://b", "http://a"]


def test_the_line_is_named():
    with pytest.raises(TomlError, match="^line 3: "):
        loads("a = 1\n\nb = x y")
