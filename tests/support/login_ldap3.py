"""Logs people in with ldap3: three lines of input are one login (way, name, password), one line answers."""

import os
import ssl
import sys
from urllib.parse import urlsplit

from ldap3 import AUTO_BIND_NO_TLS, AUTO_BIND_TLS_BEFORE_BIND, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException, LDAPInvalidCredentialsResult
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

URL, TLS = urlsplit(os.environ["LAB_URL"]), os.environ["LAB_TLS"]
TRUST = None if TLS == "none" else Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=os.environ["LAB_CA_FILE"])


def connect(user, password):
    server = Server(URL.hostname, URL.port, use_ssl=TLS == "ldaps", tls=TRUST, connect_timeout=10)
    # Without raise_exceptions a bind that met a fault looks like one with a wrong password.
    return Connection(
        server,
        user=user,
        password=password,
        auto_bind=AUTO_BIND_TLS_BEFORE_BIND if TLS == "starttls" else AUTO_BIND_NO_TLS,
        raise_exceptions=True,
        receive_timeout=70,
        auto_referrals=False,
    )


def find(user):
    connection = connect(os.environ["LAB_SERVICE_DN"], os.environ["LAB_SERVICE_PASSWORD"])
    try:
        connection.search(os.environ["LAB_PEOPLE_BASE"], f"(uid={escape_filter_chars(user)})", attributes=["uid"])
        return connection.entries[0].entry_dn if len(connection.entries) == 1 else None
    finally:
        connection.unbind()


def login(way, user, password):
    if way == "search":
        name = find(user)
        if name is None:
            return "refused"
    else:
        name = os.environ["LAB_TEMPLATE"].replace("%s", escape_rdn(user))
    try:
        connection = connect(name, password)
    except LDAPInvalidCredentialsResult:
        return "refused"
    # Not `with`: that leaves a connection open which was bound when it was made.
    try:
        return "accepted" if connection.extend.standard.who_am_i() else "broken: bound as nobody"
    finally:
        connection.unbind()


def lines():
    for line in sys.stdin:
        yield line.rstrip("\n")


requests = lines()
print("ready", flush=True)
for way in requests:
    try:
        answer = login(way, next(requests), next(requests))
    except LDAPException as fault:
        answer = f"broken: {type(fault).__name__} {' '.join(str(fault).split())}"
    print("login:", answer, flush=True)
