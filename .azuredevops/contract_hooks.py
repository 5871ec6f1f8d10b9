"""Hooks of schemathesis for the contract script."""
import schemathesis

OUR_OWN = "x-request-id"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """An id that is no 64-bit number matches no route: the Functions host says so itself, with a bare 404 that our document cannot
    describe. What comes from us has a request id."""
    return response.status_code != 404 or OUR_OWN in response.headers or response.content
