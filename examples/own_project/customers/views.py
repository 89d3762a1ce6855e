"""A page of the bakery's own."""

import logging

from django.contrib.auth.decorators import login_required
from django.shortcuts import render

from customers.models import Profile

log = logging.getLogger(__name__)


@login_required
def bread(request):
    """Show the signed-in user's favourite bread."""
    profile, _ = Profile.objects.get_or_create(user=request.user)
    log.debug("bread of %s", request.user.sub)
    return render(request, "bread.html", {"profile": profile})
