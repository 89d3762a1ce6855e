"""Tokens: what a grant gives, made along one path."""
