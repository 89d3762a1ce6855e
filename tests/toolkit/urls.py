"""Signet's addresses, and those of APIs beside it."""

from django.urls import include, path

from tests.toolkit import views

urlpatterns = [
    path("", include("idp.urls")),
    path("apis/<slug:api>/plain", views.Plain.as_view()),
    path("apis/<slug:api>/scoped", views.Scoped.as_view()),
    path("apis/<slug:api>/with-metadata", views.WithMetadata.as_view()),
    path("apis/<slug:api>/decorated", views.decorated),
    path("apis/<slug:api>/guarded", views.guarded),
    path("apis/<slug:api>/rest", views.Rest.as_view()),
    path("apis/<slug:api>/rest-with-metadata", views.RestWithMetadata.as_view()),
    path("apis/<slug:api>/for-clients", views.ForClients.as_view()),
    path("apis/<slug:api>/their-validator", views.OnTheirValidator.as_view()),
    path("apis/<slug:api>/their-server", views.OnTheirServer.as_view()),
]
