"""Portfolio margin models by name ([MRG-3]), from the data in lockstep_runtime.margin_models.

The core takes a model in a command and reads no file; whoever operates an exchange starts from one
of these. A file holds the model's numbers, where they come from (`source`) and what is our choice
(`ours`). docs/portfolio-margin.md describes them.
"""

from importlib.resources import files

import msgspec

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel, RiskScenario
from lockstep_engine.risk.models import is_good_model

FOLDER = "lockstep_runtime.margin_models"
SUFFIX = ".json"


class Preset:
    """A model with its name and where its numbers come from; SetPortfolioModel takes its `model`.

    Not a struct, so it has no encoding: a command that got it for a model is refused by its name.
    """

    __slots__ = ("model", "name", "ours", "source")

    def __init__(self, name: str, source: str, ours: str, model: PortfolioModel) -> None:
        self.name = name
        self.source = source
        self.ours = ours
        self.model = model


class PresetError(ValueError):
    """No such preset, or its file is wrong; the message names it."""


class _Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    spot_e9: int
    vol_rule: str
    vol_e9: int = 1_000_000_000
    weight_e9: int = 1_000_000_000


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    source: str
    ours: str
    parameters: dict[str, int]
    scenarios: list[_Scenario]


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    found = [entry.name for entry in files(FOLDER).iterdir()]
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def load_preset(name: str) -> Preset:
    """Return a preset, checked as the exchange checks it. PresetError names what is wrong.

    What a command takes is its model: `SetPortfolioModel("BTC", load_preset(name).model)`.
    """
    if name not in preset_names():
        raise PresetError(f"preset: expected one of {', '.join(preset_names())}, found {name}")
    return parse_preset(files(FOLDER).joinpath(name + SUFFIX).read_bytes())


def parse_preset(data: bytes) -> Preset:
    """Return the preset that a file's bytes hold. PresetError names what is wrong."""
    try:
        file = msgspec.json.decode(data, type=_File)
        scenarios = tuple(
            RiskScenario(one.spot_e9, int(VolRule[one.vol_rule]), one.vol_e9, one.weight_e9)
            for one in file.scenarios
        )
        model = PortfolioModel(scenarios, **file.parameters)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise PresetError(f"preset: not a margin model: {error}") from error
    if not is_good_model(model):
        raise PresetError(f"preset {file.name}: a number is out of its range")
    return Preset(file.name, file.source, file.ours, model)
