"""A user's own activity: their events, and what clients could see about them."""
