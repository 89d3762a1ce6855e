"""Proof of possession: tokens that are of use to one sender. RFC 7800, RFC 8705, RFC 9449."""
