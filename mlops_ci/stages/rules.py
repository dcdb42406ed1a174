"""The names of a model's gates, and what can be wrong with them: told before anything is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from mlops_ci.config.types import Gate, Model, Slice
from mlops_ci.errors import ConfigError
from mlops_ci.stages.overrides import verify_overrides

HOLDOUT = "holdout"
OVERLAP = "no training rows in the holdout"
CHAMPION = "champion"
SIGNATURE = "signature"
FORMATS = "serving formats"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A model's gates and where each stands in the config: `where` takes a key below `evaluate`, `where_in_model` one
    below the model."""

    model: Model
    where: Callable[[str], str]
    where_in_model: Callable[[str], str]

    @property
    def gates(self) -> list[tuple[str, Gate, str]]:
        """(name, gate, place); gates that ask the same thing are numbered."""
        assert self.model.evaluate is not None
        gates = self.model.evaluate.gates
        names = numbered([name_of(gate) for gate in gates])
        return [
            (name, gate, self.where(f"gates[{i}]")) for i, (name, gate) in enumerate(zip(names, gates, strict=True))
        ]

    @property
    def slices(self) -> list[tuple[str, Slice, str]]:
        """(name, slice, place)."""
        assert self.model.evaluate is not None
        slices = self.model.evaluate.slices
        names = numbered([f"{item.metric} by {label_of(item)}" for item in slices])
        return [
            (name, item, self.where(f"slices[{i}]")) for i, (name, item) in enumerate(zip(names, slices, strict=True))
        ]

    @property
    def limits(self) -> list[tuple[str, str, float, str]]:
        """(name, key, limit, place) of what serving may cost."""
        assert self.model.evaluate is not None
        serving = self.model.evaluate.serving
        found = [(key, getattr(serving, key, None)) for key in ("size_mb", "p99_ms", "memory_mb")]
        return [
            (f"serving {key} <= {limit:g}", key, limit, self.where(f"serving.{key}"))
            for key, limit in found
            if limit is not None
        ]

    @property
    def formats(self) -> tuple[str, ...]:
        """Formats that the server will be told to allow; () where it allows all."""
        return tuple(self.model.serving.get("formats", ()))

    @property
    def signature(self) -> str:
        """Which differences from the champion's signature are red: warn, compatible, same or ignore."""
        serving = self.model.evaluate.serving if self.model.evaluate is not None else None
        return serving.signature if serving is not None else "warn"

    @property
    def of_serving(self) -> list[tuple[str, str]]:
        """(name, place) of every check of what would be served that may turn a run red."""
        found = [(name, place) for name, _, _, place in self.limits]
        if self.formats:
            found.append((FORMATS, self.where_in_model("serving.formats")))
        if self.signature in ("compatible", "same"):
            found.append((SIGNATURE, self.where("serving.signature")))
        return found

    @property
    def names(self) -> list[str]:
        """Every name an override may have."""
        own = [*self.gates, *self.slices, *self.limits]
        return [str(item[0]) for item in own] + [HOLDOUT, OVERLAP, CHAMPION, SIGNATURE, FORMATS]


def name_of(gate: Gate) -> str:
    """A gate's name: its own, or made from what it asks."""
    if gate.name:
        return gate.name
    if gate.against:
        word = "better than" if gate.require == "better" else "vs"
        return f"{gate.metric} {word} {gate.against}"
    if gate.min is not None and gate.max is not None:
        return f"{gate.min:g} <= {gate.metric} <= {gate.max:g}"
    return f"{gate.metric} >= {gate.min:g}" if gate.min is not None else f"{gate.metric} <= {gate.max:g}"


def numbered(names: Sequence[str]) -> list[str]:
    """Names made different where they are not: the second one is `name #2`."""
    return [
        name if names[:place].count(name) == 0 else f"{name} #{names[:place].count(name) + 1}"
        for place, name in enumerate(names)
    ]


def label_of(item: Slice) -> str:
    """A cut's name: the column, and how it is cut where not by its values."""
    return f"{item.by} in {item.quantiles} parts" if item.quantiles else item.by


def environments_of(model: Model) -> tuple[str, ...]:
    """The environments whose champions are compared with; the first one is the report's."""
    assert model.evaluate is not None
    named = dict.fromkeys(gate.against for gate in model.evaluate.gates if gate.against)
    return tuple(named) or (model.champion_environment,)


def rules_of(model: Model, where: Callable[[str], str]) -> Rules:
    """A model's rules; `where` takes a dotted key of the config."""
    place = f"models.{model.name}"
    return Rules(
        model=model,
        where=lambda key: where(f"{place}.evaluate.{key}"),
        where_in_model=lambda key: where(f"{place}.{key}"),
    )


def verify_rules(model: Model, *, today: date, where: Callable[[str], str]) -> None:
    """Raises ConfigError for an override that has expired or names no gate, and for a slice that can't be measured."""
    rules = rules_of(model, where) if model.evaluate is not None else None
    verify_overrides(
        model.overrides,
        rules.names if rules else (),
        today=today,
        where=lambda key: where(f"models.{model.name}.{key}"),
    )
    if rules is None or model.evaluate is None:
        return
    own = {spec.name for spec in model.evaluate.metrics if spec.function}
    for name, item, place in rules.slices:
        if item.metric in own:
            raise ConfigError(
                f"'{name}': a metric of your own can't be measured in slices",
                hint="slice by one of the known metrics",
                docs="evaluation.md#slices",
                where=place,
            )
