"""HPACK against the examples of RFC 7541 (appendix C) and their counterparts that break the rules."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _hpack as hpack

# C.4 requests with Huffman coding: block, fields
REQUESTS = [
    ("828684418cf1e3c2e5f23a6ba0ab90f4ff", [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")]),
    (
        "828684be5886a8eb10649cbf",
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com"), ("cache-control", "no-cache")],
    ),
    (
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        [(":method", "GET"), (":scheme", "https"), (":path", "/index.html"), (":authority", "www.example.com"), ("custom-key", "custom-value")],
    ),
]
# C.6 responses with Huffman coding and a table of 256 bytes, so that entries are evicted
DATE1, DATE2 = "Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT"
COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
RESPONSES = [
    (
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        [(":status", "302"), ("cache-control", "private"), ("date", DATE1), ("location", "https://www.example.com")],
    ),
    ("4883640effc1c0bf", [(":status", "307"), ("cache-control", "private"), ("date", DATE1), ("location", "https://www.example.com")]),
    (
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
        "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        [
            (":status", "200"),
            ("cache-control", "private"),
            ("date", DATE2),
            ("location", "https://www.example.com"),
            ("content-encoding", "gzip"),
            ("set-cookie", COOKIE),
        ],
    ),
]


@pytest.mark.parametrize(("limit", "blocks"), [(4096, REQUESTS), (256, RESPONSES)])
def test_examples_of_the_standard(limit, blocks):
    decoder = hpack.Decoder(limit)
    for block, fields in blocks:
        assert decoder.decode(bytes.fromhex(block)) == fields


def test_what_we_encode_we_decode():
    fields = [(":path", "/runtime.v1.ImageService/PullImage"), ("x", "y" * 300), ("é", "")]
    assert hpack.Decoder().decode(hpack.encode(fields)) == fields


def test_the_table_is_complete():
    assert (
        len(hpack.STATIC) == 61
        and len(hpack.LENGTHS) == 257
        and hpack.STATIC[15] == ("accept-encoding", "gzip, deflate")
        and hpack.STATIC[60] == ("www-authenticate", "")
    )


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("80", "no table has"),
        ("ff8080808080", "too large"),
        ("be", "no table has"),
        ("0005616263", "ends too early"),
        ("3fe17f", "larger than was allowed"),
        ("008361626301", "ends too early"),
        ("0081fe", "wrong padding"),
        ("0084ffffffff", "end of a string"),
    ],
)
def test_broken_blocks(block, words):
    with pytest.raises(hpack.HpackError, match=words):
        hpack.Decoder().decode(bytes.fromhex(block))
