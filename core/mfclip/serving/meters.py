"""What ``/metrics`` tells, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_IMAGES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)


class Meters:
    """Counts of one service, in a registry of their own."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        ProcessCollector(registry=own)
        self.requests = Counter(
            "mfclip_requests", "Answered requests.", ["route", "status"], registry=own
        )
        self.seconds = Histogram(
            "mfclip_request_seconds",
            "From a request's headers to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self.images = Counter(
            "mfclip_images", "Images by verdict, or by status.", ["model", "outcome"], registry=own
        )
        self.films = Counter(
            "mfclip_films", "Films by verdict, or by status.", ["model", "outcome"], registry=own
        )
        self.in_hand = Gauge(
            "mfclip_requests_in_hand", "Being read, waiting or scored.", registry=own
        )
        self._batch = Histogram(
            "mfclip_batch_images", "Images in one forward pass.", buckets=_IMAGES, registry=own
        )
        self._pass = Histogram(
            "mfclip_pass_seconds", "Of one forward pass.", buckets=_SECONDS, registry=own
        )

    def passed(self, images: int, seconds: float) -> None:
        """Count a forward pass."""
        self._batch.observe(images)
        self._pass.observe(seconds)

    def scored(self, model: str, outcome: str) -> None:
        """Count an image."""
        self.images.labels(model, outcome).inc()

    def film(self, model: str, outcome: str) -> None:
        """Count a film."""
        self.films.labels(model, outcome).inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
