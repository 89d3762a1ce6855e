"""Clients that register themselves: what they may be, and how that changes. RFC 7591, RFC 7592."""
