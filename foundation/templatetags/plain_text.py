"""`{% load plain_text %}`: names in titles and attributes, which can hold no `<bdi>`."""

from django.template import Library

from foundation import plain_text

register = Library()
register.filter("isolated", lambda text: plain_text.isolated(str(text)))
