"""The account pages that differ from allauth's."""
