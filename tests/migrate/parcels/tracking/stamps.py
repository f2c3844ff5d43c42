"""Every task of a campaign bears its stamp."""

import celery.canvas
from celery.canvas import StampingVisitor


class CampaignVisitor(StampingVisitor):
    def on_signature(self, sig, **headers) -> dict:
        return {"campaign": 7, "stamped_headers": ["campaign"]}


def stamp(sig):
    sig.stamp(visitor=CampaignVisitor())
    return celery.canvas.maybe_signature(sig)
