"""Orders."""

from django.db import models


class Order(models.Model):
    loaf = models.CharField(max_length=20)
    baked = models.BooleanField(default=False)
