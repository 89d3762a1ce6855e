"""Signet's addresses, and the bakery's."""

from django.urls import path

from customers import views
from idp.urls import *  # with the views for errors

urlpatterns += [path("bread/", views.bread, name="bread")]
