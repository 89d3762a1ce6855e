"""The admin page of profiles, beside Signet's."""

from django.contrib import admin

from customers.models import Profile


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    """Profiles. The user is chosen by number: a list of all users would be long."""

    change_list_template = "admin/page_change_list.html"  # as Signet's lists look
    list_display = ("user", "favourite_bread")
    list_filter = ("favourite_bread",)
    search_fields = ("user__email", "favourite_bread")
    show_facets = admin.ShowFacets.NEVER  # counts would read the whole table
    raw_id_fields = ("user",)
