"""From the order to the parcel."""

from celery import shared_task


class CardRefused(ValueError):
    """The bank does not pay."""


class TerminalBusy(ConnectionError):
    """The card terminal does not answer at the moment."""


@shared_task
def reserve(order):
    return {**order, "reserved": True}


@shared_task(
    bind=True,
    autoretry_for=(TerminalBusy,),
    retry_backoff=True,
    retry_backoff_max=10,
    retry_jitter=True,
    max_retries=5,
    throws=(CardRefused,),
    acks_late=True,
    soft_time_limit=20,
    time_limit=30,
)
def charge(self, order):
    if order["card"] == "stolen":
        raise CardRefused(order["number"], "stolen")
    if order["card"] == "slow" and self.request.retries == 0:
        raise TerminalBusy("try again")
    return {**order, "charged": True, "attempts": self.request.retries + 1}


@shared_task(bind=True)
def ship(self, order, carrier="post"):
    return {**order, "carrier": carrier, "till": (self.request.headers or {}).get("till")}
