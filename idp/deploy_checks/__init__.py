"""System checks: `manage.py check`, with --deploy those for production, too; `serve` runs them all.

Each check names the unsafe setting, the reason, and the value to set.
"""

from django.core import checks
from django.core.checks import Tags

from idp.deploy_checks.production import deployment_is_safe
from idp.deploy_checks.stored import static_files_are_collected, upstreams_can_be_used
from idp.deploy_checks.values import values_are_known

__all__ = [
    "deployment_is_safe",
    "static_files_are_collected",
    "upstreams_can_be_used",
    "values_are_known",
]


def register() -> None:
    """Register the checks with Django."""
    checks.register(values_are_known)
    checks.register(Tags.staticfiles, deploy=True)(static_files_are_collected)
    checks.register(Tags.security, deploy=True)(deployment_is_safe)
    checks.register(Tags.security, deploy=True)(upstreams_can_be_used)
