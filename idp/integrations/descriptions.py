"""The descriptions of the catalogue's programs, for translators.

Written by scripts/integrations.py from idp/integrations/programs.
"""

from typing import Final

from django.utils.translation import gettext_noop as _

DESCRIPTIONS: Final = (
    _("Workflows of data, as code, with a schedule."),
    _("Charts and dashboards from SQL databases."),
    _("Dashboards of metrics, logs and traces."),
    _("Data apps in pure Python."),
    _("Continuous delivery to Kubernetes from Git."),
    _("Git repositories on a small server."),
    _("Git repositories, reviews and pipelines."),
    _("Files, calendars and contacts of an organization."),
    _("A Matrix homeserver, and chat with it."),
    _("Jupyter notebooks for many users."),
    _("Experiments, models and traces of machine learning."),
    _("Chat with language models of your own."),
    _("Administration of PostgreSQL."),
    _("Lets the Apache web server sign users in for any website behind it."),
    _("A web server, whose forward_auth asks oauth2-proxy who is signed in."),
    _("An OpenID Connect provider that signs users in with other providers."),
    _("A web server, whose auth_request asks oauth2-proxy who is signed in."),
    _("Signs users in before requests reach any website."),
    _("A reverse proxy, whose forwardAuth asks oauth2-proxy who is signed in."),
    _("kubectl and the API server of a cluster."),
    _("Virtual machines and containers."),
    _("Sign in from a terminal, and get access tokens for scripts."),
    _("Secrets, keys and certificates."),
    _("A website with ASP.NET Core’s handler for OpenID Connect."),
    _("A website with Django and mozilla-django-oidc."),
    _("A website with Express and openid-client."),
    _("A website with FastAPI and Authlib."),
    _("A website with Flask and Authlib."),
    _("A website with coreos/go-oidc and golang.org/x/oauth2."),
    _("A website with Next.js and Auth.js."),
    _("A website with Express and passport-openidconnect."),
    _("A website with Quarkus’ extension for OpenID Connect."),
    _("A website with the crates axum and openidconnect."),
    _("A website with Spring Security’s OAuth 2 client."),
    _("Tools for AI agents, behind a sign-in."),
)
