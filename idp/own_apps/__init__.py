"""What the owners of apps, who need not be staff, change of them where the operator allows it.

The rules are the administration's: its form fields, its checks, its functions.
"""
