"""One day in the shop; prints what came of it as JSON."""

import json
from datetime import UTC, datetime, timedelta

from celery import Celery, chain
from celery.result import AsyncResult

from .app import app
from .mail import apologise, confirm, remind
from .orders import charge, reserve, ship
from .reports import inventory, labels

SECONDS = 20


def order(number, card):
    """A chain: each step gets what the one before it returned."""
    steps = chain(reserve.s({"number": number, "card": card}), charge.s(), ship.s(carrier="bicycle"))
    return steps.apply_async(link_error=apologise.s())


def refused(number):
    try:
        order(number, "stolen").get(timeout=SECONDS)
    except ValueError as error:
        return f"{type(error).__name__}{error.args}"
    return "nobody refused it"


def reminder(number, seconds):
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    return remind.apply_async((number, due.isoformat()), eta=due).get(timeout=SECONDS) >= 0


def main():
    parcel = order(1, "slow").get(timeout=SECONDS)
    letter = confirm.delay(1, away=2)
    lost = confirm.delay(2, away=9)
    by_name = app.send_task("bookshop.mail.confirm", (3,))
    day = {
        "library": Celery.__module__.partition(".")[0],
        "parcel": parcel,
        "refused": refused(2),
        "letter": letter.get(timeout=SECONDS),
        "lost": repr(lost.get(timeout=SECONDS, propagate=False)),
        "by name": AsyncResult(by_name.id).get(timeout=SECONDS),
        "reminded in time": reminder(1, seconds=1),
        "inventory": inventory().get(timeout=SECONDS),
        "labels": labels().get(timeout=SECONDS),
    }
    print(json.dumps(day))


if __name__ == "__main__":
    main()
