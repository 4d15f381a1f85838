"""What other people's files hold never reaches a diff."""

from __future__ import annotations

from ansible_collections.studioml.fleet.plugins.module_utils._secrets import hide, hide_in


def test_secrets_in_files_are_hidden():
    text = """
[host."https://a"]
  [host."https://a".header]
    Authorization = "Basic c2VjcmV0"
[plugins.x.registry.configs."a".auth]
    username = "u"
    password = "c2VjcmV0"
    auth = "c2VjcmV0"
"http-proxy": "http://me:c2VjcmV0@proxy:3128"
"""
    shown = hide(text)
    assert "c2VjcmV0" not in shown and shown.count("(hidden)") == 4 and 'username = "u"' in shown and "@proxy:3128" in shown


def test_secrets_in_values_are_hidden():
    assert hide_in({"proxies": {"http-proxy": "http://me:x@proxy:3128"}, "dns": ["1.1.1.1"], "debug": True}) == {
        "proxies": {"http-proxy": "http://(hidden)@proxy:3128"},
        "dns": ["1.1.1.1"],
        "debug": True,
    }
