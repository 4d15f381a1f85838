"""A registry with TLS by a site CA and a user, beside the plain one of the hub."""

from __future__ import annotations

USER, PASSWORD = "puller", "correct horse"
HASH = "$2b$04$EEY8zY1b8XNza3gxHs7LGusK6aZ2mz2clfY8mjiKglh9A45K7oyJe"  # bcrypt of PASSWORD, as the registry wants it
SECURE_PORT = 5443
SECURE = f"""
version: 0.1
storage: {{filesystem: {{rootdirectory: /var/lib/secure-registry}}, delete: {{enabled: true}}}}
auth: {{htpasswd: {{realm: site, path: /etc/secure-registry/users}}}}
http: {{addr: ":{SECURE_PORT}", tls: {{certificate: /etc/secure-registry/site.crt, key: /etc/secure-registry/site.key}}}}
"""
