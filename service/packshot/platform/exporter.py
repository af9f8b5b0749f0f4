"""Prometheus text on loopback: what is asked for is read at that moment, nothing is kept here.

The format is prometheus.io/docs/instrumenting/exposition_formats; the library's global registry is not used.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

LOOPBACK = "127.0.0.1"
PREFIX = "packshot_"


@dataclass(frozen=True)
class Metric:
    """One metric without its prefix: value by the value of ``label``; a metric without label has the one key ""."""

    name: str
    text: str
    kind: Literal["gauge", "counter"]
    label: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


class Exporter:
    """Answers ``GET /metrics`` on 127.0.0.1 in a thread of its own."""

    def __init__(self, port: int, read: Callable[[], Iterable[Metric]]) -> None:
        """Port 0 takes any free one. A port that is taken is a problem, not an end: the box works without."""
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.registry import Collector

        class OnDemand(Collector):
            def collect(self) -> "Iterator[Family]":
                yield from map(_family, read())

        registry = CollectorRegistry(auto_describe=False)
        registry.register(OnDemand())
        self.problem = ""
        self.port = 0
        self._stop = ExitStack()
        try:
            server, thread = start_http_server(port, addr=LOOPBACK, registry=registry)
        except OSError as error:
            self.problem = f"port {port} on {LOOPBACK} cannot be had ({error.strerror}); set stats.prometheus_port"
            return
        self.port = int(server.server_port)
        for step in (thread.join, server.server_close, server.shutdown):  # a stack: the last one goes first
            self._stop.callback(step)

    def close(self) -> None:
        """Stop listening."""
        self._stop.close()


def _family(metric: Metric) -> "Family":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(PREFIX + metric.name, metric.text, labels=[metric.label] if metric.label else [])
    for value_of_label, value in metric.values.items():
        family.add_metric([value_of_label] if metric.label else [], value)
    return family
