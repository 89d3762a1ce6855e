"""What each request costs: the project's own benchmark, and its peers beside it."""
