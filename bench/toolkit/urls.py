"""Its endpoints, and a sign-in without a page."""

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path


def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign every visitor in as Ana."""
    login(request, get_user_model().objects.get(username="ana"))
    return HttpResponseRedirect(request.GET["next"])


urlpatterns = [
    path("sign-in", sign_in),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
