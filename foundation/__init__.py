"""What the provider stands on: knows neither users nor OpenID."""
