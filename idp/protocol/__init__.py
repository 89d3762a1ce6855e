"""The words of the specifications: errors, parameters, vocabulary. Standard library only."""
