"""Endpoints: one module per public address, named as in discovery. They only speak HTTP."""
