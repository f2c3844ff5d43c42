"""The shop's pages."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from pyramid.view import view_config

from . import jobs

PAGE = """<!doctype html><title>Orders</title><h1>Orders</h1>
<form method=post action=/order><input name=customer value=Ada><button>Order a lamp</button></form>
<ol>{lines}</ol>"""


@view_config(route_name="home")
def home(request):
    """What has happened so far, and a button."""
    lines = "".join(f"<li>{what}: {text}</li>" for what, text in jobs.read())
    return Response(PAGE.format(lines=lines))


@view_config(route_name="order", request_method="POST")
def order(request):
    """Takes an order; the rest happens in the background."""
    customer = request.POST["customer"][:40].replace("<", "").replace("\t", " ")
    request.registry.scheduler.add_async_job(jobs.confirm, args=(customer, [("lamp", 1, 30.0)]))
    return HTTPSeeOther("/")
