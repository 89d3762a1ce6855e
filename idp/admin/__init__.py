"""The operator's view: Django's admin behind the hosted sign-in; every change is an Event."""
