"""Template filters for untrusted text."""
