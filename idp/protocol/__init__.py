"""The vocabulary of the specifications: errors, parameters, words. Standard library only."""
