"""What the server can say about itself, for health, status and metrics."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accredit import __version__
from accredit.engine import Engine, FastDoor
from accredit.serve.live_catalogue import LiveCatalogue
from accredit.serve.python_door import PythonDoor
from accredit.serve.records import RecordWriter
from accredit.trust.keys import KeyKeeper

__all__ = ["View"]

_GAUGES: Final = ("_open", "_now")


# Compared by identity: a registry keeps its collectors in a dictionary.
@dataclass(slots=True, eq=False)
class View(Collector):
    """The server as it is now. Nothing in it names a client or holds a token.

    Attributes:
        engine: Decides.
        keeper: Fetches keys.
        catalogue: The catalogue in force.
        python_door: Serves services, and gateways where there is no fast door.
        fast_door: Serves gateways.
        records: Writes decisions to the log.
        ready: Whether the catalogue is loaded and each issuer was tried once.
        listeners: The bound addresses, by the setting that they come from.
    """

    engine: Engine
    keeper: KeyKeeper
    catalogue: LiveCatalogue
    python_door: PythonDoor
    fast_door: FastDoor | None
    records: RecordWriter
    ready: bool = False
    listeners: dict[str, list[str]] | None = None

    def health(self) -> dict[str, Any]:
        """Returns whether all is well; a server that serves an older catalogue is not."""
        fault = self.catalogue.fault
        return {"status": "degraded" if fault else "ok", "catalogue_fault": fault}

    def status(self) -> dict[str, Any]:
        """Returns one screen's worth: version, catalogue, issuers' keys, and what softens."""
        now_s = time.time()
        core = self.engine.status(now_ms=int(now_s * 1_000))
        kids = {issuer["issuer"]: issuer["keys"] for issuer in core["issuers"]}
        issuers = [
            {**state.to_json(now_s), "key_list": kids.get(state.issuer, [])}
            for state in self.keeper.states()
        ]
        return {
            "version": __version__,
            "ready": self.ready,
            "catalogue_digest": core["catalogue_digest"],
            "catalogue_fault": self.catalogue.fault,
            "catalogue_loaded_at_s": self.catalogue.loaded_at_s,
            "resources": core["resources"],
            "issuers": issuers,
            "softeners": self._softeners(now_s),
            "records_lost": core["records_lost"],
            "listeners": self.listeners or {},
        }

    def _softeners(self, now_s: float) -> list[dict[str, Any]]:
        catalogue = self.catalogue.current
        return [
            {
                "kind": "report",
                "resource": resource.resource,
                "owner": resource.owner,
                "since_s": resource.report_since_s,
                "until_s": resource.report_until_s,
            }
            for resource in (catalogue.resources if catalogue else ())
            if resource.report_until_s is not None and now_s < resource.report_until_s
        ]

    def metrics(self) -> bytes:
        """Returns the metrics in Prometheus' text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Reads every counter."""
        yield from self._server_metrics()
        yield from self._decision_metrics()
        yield from self._issuer_metrics()
        if self.fast_door is not None:
            yield from _door_metrics("fast", self.fast_door.counters())
        yield from _door_metrics("python", asdict(self.python_door.counters))

    def _server_metrics(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("accredit_build_info", "The version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily(
            "accredit_ready", "Whether the server is ready to decide.", value=int(self.ready)
        )
        yield GaugeMetricFamily(
            "accredit_catalogue_stale",
            "Whether the files on disk were refused and an older catalogue serves.",
            value=int(self.catalogue.fault is not None),
        )
        yield CounterMetricFamily(
            "accredit_catalogue_loads", "Catalogues taken.", value=self.catalogue.reloads
        )
        yield CounterMetricFamily(
            "accredit_catalogue_refusals", "Catalogues refused.", value=self.catalogue.refused
        )
        softeners = len(self._softeners(time.time()))
        yield GaugeMetricFamily(
            "accredit_softeners", "Resources in report mode, now or later.", value=softeners
        )

    def _decision_metrics(self) -> Iterator[Metric]:
        counters = self.engine.counters()
        decisions = CounterMetricFamily(
            "accredit_decisions",
            "Decisions by reason; in mode report the denial was turned into an allow.",
            labels=["reason", "mode"],
        )
        for mode, name in (("enforce", "decided"), ("report", "reported")):
            for reason, count in counters[name].items():
                if count or mode == "enforce":
                    decisions.add_metric([reason, mode], count)
        yield decisions
        yield CounterMetricFamily(
            "accredit_anonymous_allows",
            "Allows without a credential: public routes and CORS preflights.",
            value=counters["anonymous"],
        )
        yield CounterMetricFamily(
            "accredit_pending_checks", "Checks that lacked a key set.", value=counters["pending"]
        )
        status = self.engine.status(now_ms=time.time_ns() // 1_000_000)
        yield CounterMetricFamily(
            "accredit_decision_records_lost",
            "Decision records that nobody drained in time.",
            value=status["records_lost"],
        )
        yield CounterMetricFamily(
            "accredit_decision_records_unwritten",
            "Decision records that the log did not take.",
            value=self.records.unwritten,
        )

    def _issuer_metrics(self) -> Iterator[Metric]:
        now_s = time.time()
        keys = GaugeMetricFamily("accredit_issuer_keys", "Usable keys.", labels=["issuer"])
        usable = GaugeMetricFamily(
            "accredit_issuer_usable", "Whether tokens can be judged.", labels=["issuer"]
        )
        age = GaugeMetricFamily(
            "accredit_issuer_keys_age_seconds", "Age of the key set.", labels=["issuer"]
        )
        failures = GaugeMetricFamily(
            "accredit_issuer_fetch_failures",
            "Failed fetches since the last that went well.",
            labels=["issuer"],
        )
        for state in self.keeper.states():
            labels = [state.issuer]
            keys.add_metric(labels, state.keys)
            usable.add_metric(labels, int(state.usable(now_s)))
            failures.add_metric(labels, state.failures)
            old_s = state.age_s(now_s)
            if old_s is not None:
                age.add_metric(labels, old_s)
        yield from (keys, usable, age, failures)


def _door_metrics(door: str, counters: dict[str, int]) -> Iterator[Metric]:
    for name, value in counters.items():
        family: GaugeMetricFamily | CounterMetricFamily
        if name.endswith(_GAUGES):
            family = GaugeMetricFamily(
                f"accredit_door_{name.removesuffix('_now')}", "See the door.", labels=["door"]
            )
        else:
            family = CounterMetricFamily(f"accredit_door_{name}", "See the door.", labels=["door"])
        family.add_metric([door], value)
        yield family
