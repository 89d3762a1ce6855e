"""Import people, groups and apps from other software: `manage.py import`.

A source yields rows whose entries are those that `apply` takes. `run` judges them by the rules of
`apply`, writes them in batches, and reports what could not be taken and why.
"""
