"""People and their sessions; knows nothing of OpenID."""
