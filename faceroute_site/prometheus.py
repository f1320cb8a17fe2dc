"""What Prometheus is told: the web processes' counters, and how the queue stands."""

import logging
import os
from collections.abc import Iterator
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from predictions.heartbeats import all_seen
from predictions.models import NO_TURN, Prediction, Status
from training.registry.versions import active_version

from .statement_timeout import statement_timeout

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_OPEN = (Status.QUEUED, Status.RUNNING)
_FINISHED = (Status.DONE, Status.FAILED)


def exposition() -> bytes:
    """The metrics in Prometheus' text format.

    Where several processes serve (PROMETHEUS_MULTIPROC_DIR is set), their counters are summed.
    """
    site = CollectorRegistry()
    site.register(SiteCollector())
    return generate_latest(_process_metrics()) + generate_latest(site)


def _process_metrics() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class SiteCollector(Collector):
    """Gauges read from the database at every scrape, by indexes of open and of recent work."""

    def collect(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily("faceroute_database_up", "Whether the database answers.")
        try:
            with statement_timeout():
                gauges = [
                    *_open_predictions(),
                    _recent_predictions(),
                    _active_model(),
                    *_workers(),
                ]
        except DatabaseError:
            logger.exception("The database does not answer.")
            gauges = []
        answers.add_metric([], bool(gauges))
        yield answers
        yield from gauges


def _open_predictions() -> Iterator[Metric]:
    rows = (
        Prediction.objects.filter(status__in=_OPEN, turn__lt=NO_TURN)  # what is paused may wait
        .order_by()
        .values_list("status")
        .annotate(Count("pk"), Min("created_at"))
    )
    found = {status: (number, oldest) for status, number, oldest in rows}
    now = timezone.now()
    numbers = GaugeMetricFamily(
        "faceroute_predictions_open", "Predictions that are not finished.", labels=["status"]
    )
    for status in _OPEN:
        numbers.add_metric([status], found.get(status, (0, now))[0])
    waiting_since = found.get(Status.QUEUED, (0, now))[1]
    oldest = GaugeMetricFamily(
        "faceroute_oldest_waiting_seconds", "Age of the prediction that has waited longest."
    )
    oldest.add_metric([], max(0.0, (now - waiting_since).total_seconds()))
    yield from (numbers, oldest)


def _recent_predictions() -> Metric:
    recent = Prediction.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1))
    rows = recent.order_by().values_list("status").annotate(Count("pk"))
    found = dict(rows.filter(status__in=_FINISHED))
    gauge = GaugeMetricFamily(
        "faceroute_predictions_finished_last_hour",
        "Finished predictions of the photos sent within the last hour.",
        labels=["status"],
    )
    for status in _FINISHED:
        gauge.add_metric([status], found.get(status, 0))
    return gauge


def _active_model() -> Metric:
    gauge = GaugeMetricFamily(
        "faceroute_active_model", "The model version that serves.", labels=["name"]
    )
    if version := active_version():
        gauge.add_metric([version.name], 1)
    return gauge


def _workers() -> Iterator[Metric]:
    labels = ["machine", "process", "queues", "version"]
    silence = GaugeMetricFamily(
        "faceroute_worker_silent_seconds",
        "Time since a process last said that it is alive; above 20 it is lost.",
        labels=labels,
    )
    rate = GaugeMetricFamily(
        "faceroute_worker_photos_a_minute",
        "Photos a process has worked through within the last minute.",
        labels=labels,
    )
    for worker, silent_for in all_seen():
        named = [worker.machine, str(worker.process), worker.queues, worker.version]
        silence.add_metric(named, silent_for.total_seconds())
        rate.add_metric(named, worker.photos_a_minute)
    yield from (silence, rate)
