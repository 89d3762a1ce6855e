"""A response header for the bakery's load balancer."""


def name_branch(get_response):
    """Name the branch in each response."""

    def middleware(request):
        response = get_response(request)
        response["Branch"] = "Mill Lane"
        return response

    return middleware
