"""Reads somebody's own entry with ldap3 and prints its values as Python has them: name, password and attributes are arguments."""

import os
import ssl
import sys
from urllib.parse import urlsplit

from ldap3 import AUTO_BIND_NO_TLS, BASE, Connection, Server, Tls

url = urlsplit(os.environ["LAB_URL"])
tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=os.environ["LAB_CA_FILE"])
server = Server(url.hostname, url.port, use_ssl=True, tls=tls, connect_timeout=10)
name, password, *attributes = sys.argv[1:]
connection = Connection(server, name, password, auto_bind=AUTO_BIND_NO_TLS, raise_exceptions=True, receive_timeout=70)
connection.search(name, "(objectClass=*)", BASE, attributes=attributes)
for attribute in attributes:
    print(attribute, repr(connection.entries[0][attribute].value))
connection.unbind()
