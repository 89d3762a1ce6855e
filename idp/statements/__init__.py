"""The few hand-written SQL statements of the hottest paths, each with its reason.

Everything else is the ORM, which costs a millisecond where these cost a tenth. They run unchanged
on PostgreSQL and SQLite.
"""
