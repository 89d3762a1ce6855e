"""Projects of other servers: each makes a database, and what apps hold, by real requests."""
