"""The authorization endpoint's decisions, step by step. OIDC Core §3.1.2."""
