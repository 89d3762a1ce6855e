"""LDAP directories, such as Active Directory and OpenLDAP, as upstreams (the extra `ldap`).

A directory has no page of its own: its users type their password on ours, and it judges the
password by a bind (RFC 4513 §5.1.3). `declared` reads what an operator has set, `connection` talks
to the server, `people` finds a user and judges their password, and `kind` puts it into the
registry if python-ldap is installed.

Only `connection` and `people` import python-ldap.
"""
