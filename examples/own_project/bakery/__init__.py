"""A bakery's project around Signet."""
