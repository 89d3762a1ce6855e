"""The site's one page, and the library's own addresses."""

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path


def home(request: HttpRequest) -> HttpResponse:
    """Show who is signed in, and how many users the site knows by this email address."""
    known = get_user_model().objects.filter(email=getattr(request.user, "email", None))
    return render(request, "home.html", {"known": known.count()})


urlpatterns = [path("", home), path("oidc/", include("mozilla_django_oidc.urls"))]
