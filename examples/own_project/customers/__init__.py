"""What the bakery knows of its customers."""
