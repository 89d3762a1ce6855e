"""The ground layer: independent of users and of OpenID Connect."""
