"""Logs people in with python-ldap: three lines of input are one login (way, name, password), one line answers."""

import os
import sys

import ldap
import ldap.dn
import ldap.filter

TLS, CA_FILE = os.environ["LAB_TLS"], os.environ["LAB_CA_FILE"]


def connect():
    connection = ldap.initialize(os.environ["LAB_URL"])
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 10)
    connection.set_option(ldap.OPT_TIMEOUT, 70)
    if TLS != "none":
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, CA_FILE)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if TLS == "starttls":
        connection.start_tls_s()
    return connection


def find(connection, user):
    connection.simple_bind_s(os.environ["LAB_SERVICE_DN"], os.environ["LAB_SERVICE_PASSWORD"])
    by_name = ldap.filter.filter_format("(uid=%s)", [user])
    found = connection.search_s(os.environ["LAB_PEOPLE_BASE"], ldap.SCOPE_SUBTREE, by_name, ["1.1"])
    return found[0][0] if len(found) == 1 else None


def login(way, user, password):
    connection = connect()
    try:
        if way == "search":
            name = find(connection, user)
            if name is None:
                return "refused"
        else:
            name = os.environ["LAB_TEMPLATE"].replace("%s", ldap.dn.escape_dn_chars(user))
        # Found or made: the person's bind is on the connection that is there.
        connection.simple_bind_s(name, password)
        return "accepted" if connection.whoami_s() else "broken: bound as nobody"
    except ldap.INVALID_CREDENTIALS:
        return "refused"
    finally:
        connection.unbind_s()


def lines():
    for line in sys.stdin:
        yield line.rstrip("\n")


requests = lines()
print("ready", flush=True)
for way in requests:
    try:
        answer = login(way, next(requests), next(requests))
    except ldap.LDAPError as fault:
        said = fault.args[0] if fault.args else {}
        answer = f"broken: {type(fault).__name__} {said.get('result', '')} {said.get('desc', '')}"
    print("login:", answer, flush=True)
