"""What happened, where the tests read it, whatever becomes of the database."""

import json

from django.conf import settings


def note(what, *said):
    with (settings.DIRECTORY / "notes").open("a") as notes:
        notes.write(json.dumps([what, *said]) + "\n")
