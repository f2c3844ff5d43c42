"""The app; what ``-A bookshop.app`` names."""

from celery import Celery

app = Celery("bookshop", task_cls="bookshop.base:ShopTask")
app.config_from_object("bookshop.celeryconfig")

from . import listeners  # noqa: E402, F401  (connects the signal handlers)

if __name__ == "__main__":
    app.start()
