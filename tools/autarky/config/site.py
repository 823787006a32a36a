"""site.toml as Python: every key with its default, its unit and what is allowed.

Tools take from here what they need; what stands in no table below has no user yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autarky.config import places

Interpreter = Literal["micropython", "micropython-source", "cpython"]
# a word: it stands in CAN logs and on the command line; not a number, those are node ids
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,30}$", description="a word, A1 say")]
_Count = Annotated[int, Field(ge=1, le=places.CABINETS_MAX)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Kilowatt = Annotated[float, Field(gt=0, le=1e6)]


class Part(BaseModel):
    """A table of site.toml: no other keys, no other types, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Cabinets(Part):
    """[cabinets]: how many on one bus, called by their node ids; how each starts."""

    count: _Count = 2
    soc: _Share = 0.5
    temperature_degc: Annotated[float, Field(ge=-40, le=70)] = 25.0


class Segment(Part):
    """[[segment]]: a CAN bus; either how many cabinets, or their names."""

    name: Name
    count: _Count | None = None
    cabinets: Annotated[list[Name], Field(max_length=places.CABINETS_MAX)] = []

    @model_validator(mode="after")
    def _has_cabinets(self) -> Segment:
        if (self.count is None) == (not self.cabinets):
            raise ValueError("a segment has either count or cabinets, a list of names")
        return self


class Bus(Part):
    """[bus]: every segment's."""

    bit_rate_kbit_s: Literal[250, 500, 1000] = 500


class Peak(Part):
    """[peak]: discharge above peak_kw, recharge below recharge_kw; None: by the load."""

    peak_kw: _Kilowatt
    recharge_kw: _Kilowatt
    soc_target: _Share = 0.9

    @model_validator(mode="after")
    def _recharges_below(self) -> Peak:
        if self.recharge_kw >= self.peak_kw:
            raise ValueError(
                f"recharge_kw {self.recharge_kw:g} is not below peak_kw {self.peak_kw:g}: the "
                "batteries would charge and discharge at one load"
            )
        return self


class Reserve(Part):
    """[reserve]: what the storage must carry alone before a cabinet may be taken out."""

    critical_kw: Annotated[float, Field(ge=0, le=1e6)]
    hours: Annotated[float, Field(ge=0, le=1000)]


class Load(Part):
    """[load]: a model, or a trace: a CSV file with time_s and power_kw, beside site.toml."""

    model: Literal["gpu-cluster"] | None = None
    rated_kw: _Kilowatt | None = None
    trace: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Load:
        if (self.model is None) == (self.trace is None):
            raise ValueError('the load has either model = "gpu-cluster" or a trace')
        if self.trace is not None and self.rated_kw is not None:
            raise ValueError("a trace has its own powers: rated_kw belongs to a model")
        return self


class Site(Part):
    """The whole file. parameters: of every cabinet, as `autarky run --set` takes them."""

    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    interpreter: Interpreter = "micropython"
    cabinets: Cabinets = Cabinets()
    segment: Annotated[list[Segment], Field(max_length=places.SEGMENTS_MAX)] = []
    bus: Bus = Bus()
    parameters: dict[str, int] = {}
    reserve: Reserve | None = None
    peak: Peak | None = None
    load: Load | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Site:
        if self.segment and "count" in self.cabinets.model_fields_set:
            raise ValueError("[cabinets] count and [[segment]] both say how many there are")
        names = [segment.name for segment in self.segment]
        names += [name for segment in self.segment for name in segment.cabinets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: each segment and each cabinet has its own name")
        return self

    @property
    def segments(self) -> tuple[places.Segment, ...]:
        """Where every cabinet stands."""
        if not self.segment:
            return places.segments([("site", self.cabinets.count)])
        return places.segments([(s.name, s.count or s.cabinets) for s in self.segment])

    def overridden(
        self, count: int | None = None, parameters: Mapping[str, int] | None = None, **keys: Any
    ) -> Site:
        """As the command line has it: what is None stays; count puts all on one bus."""
        update = {key: value for key, value in keys.items() if value is not None}
        if count is not None:
            update["cabinets"] = self.cabinets.model_copy(update={"count": count})
            update["segment"] = []
        update["parameters"] = {**self.parameters, **(parameters or {})}
        return self.model_copy(update=update)
