"""Users and their sessions. This app does not know OpenID Connect."""
