"""Hand-written SQL statements of the hottest paths, each with its reason.

Everything else uses the ORM, which costs a millisecond where these cost a tenth. What only
PostgreSQL can do in one statement, SQLite does in several.
"""
