"""A log from above, with what a metric found in it over time: a picture, or a page that moves."""

from metrics_platform.delivery.pictures.figure import picture
from metrics_platform.delivery.pictures.moments import Focus, focus
from metrics_platform.delivery.pictures.page import page

__all__ = ["Focus", "focus", "page", "picture"]
