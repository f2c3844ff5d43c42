"""A small shop: its pages take orders, its jobs confirm, chase and count them."""

from pyramid.config import Configurator


def main(global_config, **settings):
    """The WSGI application; its scheduler is included by the ini file (``pyramid.includes``)."""
    with Configurator(settings=settings) as config:
        config.add_route("home", "/")
        config.add_route("order", "/order")
        config.add_interval_job("orders.jobs.count_orders", id="count-orders", seconds=2)
        config.add_cron_job("orders.jobs.close_the_books", id="close-the-books", second="*/3")
        config.scan(".views")
        return config.make_wsgi_app()
