"""The margin models that come with Lockstep: all there, all good, none without a source."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import Command, SetPortfolioModel
from lockstep_engine.exchange import MACHINE
from lockstep_engine.risk.models import is_good_model
from lockstep_kernel import MalformedCommand
from lockstep_runtime.presets import FOLDER, PresetError, load_preset, parse_preset, preset_names

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "portfolio-margin.md"
NAMES = ["deribit9x3", "derive_pmrm2", "span13+4"]
E9 = 10**9


def test_the_presets_are_those_that_the_page_lists() -> None:
    assert NAMES == preset_names()
    listed = re.findall(r"^\| (\S+) \| \d", PAGE.read_text("utf-8"), re.M)
    assert NAMES == sorted(set(listed) & set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_good_model_and_names_its_source(name: str) -> None:
    preset = load_preset(name)
    assert name == preset.name
    assert is_good_model(preset.model)
    assert len(preset.source) > 100
    assert len(preset.ours) > 100


def test_a_command_takes_the_model_and_refuses_the_preset_by_its_name() -> None:
    preset: Any = load_preset("deribit9x3")
    command = Command(bytes(32), 1, SetPortfolioModel("BTC", preset.model))
    assert command == MACHINE.codec.sequence(0, command).command
    with pytest.raises(MalformedCommand, match="objects of type Preset"):
        MACHINE.codec.sequence(0, Command(bytes(32), 1, SetPortfolioModel("BTC", preset)))


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_no_scenario_twice(name: str) -> None:
    scenarios = load_preset(name).model.scenarios
    assert len(scenarios) == len({(one.spot_e9, one.vol_rule, one.vol_e9) for one in scenarios})


def test_the_grid_of_deribit_is_nine_spots_times_three_and_eight_far_moves() -> None:
    scenarios = load_preset("deribit9x3").model.scenarios
    grid = [one for one in scenarios if one.weight_e9 == E9]
    spots = [E9 + move * 10**7 for move in (-16, -12, -8, -4, 0, 4, 8, 12, 16)]
    rules = [int(VolRule.DOWN), int(VolRule.FIXED), int(VolRule.UP)]
    assert [(s, r) for s in spots for r in rules] == [(one.spot_e9, one.vol_rule) for one in grid]
    far = scenarios[len(grid) :]
    assert [-66, -33, 50, 100, 200, 300, 400, 500] == [(s.spot_e9 - E9) // 10**7 for s in far]
    assert {int(VolRule.UP)} == {one.vol_rule for one in far}
    assert all(abs(abs(s.spot_e9 - E9) * s.weight_e9 - 16 * 10**16) < 5 * E9 for s in far)


def test_the_span_grid_has_thirteen_cores_and_four_tails() -> None:
    scenarios = load_preset("span13+4").model.scenarios
    assert 13 == sum(one.weight_e9 == E9 for one in scenarios)
    assert [600_000_000, 600_000_000, 350_000_000, 350_000_000] == [
        one.weight_e9 for one in scenarios[13:]
    ]
    assert {int(VolRule.FIXED)} == {one.vol_rule for one in scenarios}


def test_the_grid_of_derive_has_33_scenarios_two_of_them_skews() -> None:
    scenarios = load_preset("derive_pmrm2").model.scenarios
    assert 33 == len(scenarios)
    assert [int(VolRule.LINEAR), int(VolRule.WINGS)] == [one.vol_rule for one in scenarios[-2:]]


def test_an_unknown_preset_is_refused_by_name() -> None:
    with pytest.raises(PresetError, match=r"expected one of deribit9x3, .*, found nothing"):
        load_preset("nothing")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scenarios": [{"spot_e9": E9, "vol_rule": "SIDEWAYS"}]}, "SIDEWAYS"),
        ({"parameters": {"no_such_e9": 1}}, "no_such_e9"),
        ({"parameters": {"up_range_e9": -1}}, "out of its range"),
        ({"scenarios": []}, "out of its range"),
        ({"more": 1}, "more"),
    ],
)
def test_a_wrong_file_is_refused(wrong: dict[str, object], message: str) -> None:
    good = msgspec.json.decode(files(FOLDER).joinpath("span13+4.json").read_bytes())
    with pytest.raises(PresetError, match=message):
        parse_preset(msgspec.json.encode({**good, **wrong}))


@pytest.mark.parametrize("data", [b'{"name": "\xff"}', b'{"\xff": 1}', b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_text_or_nested_too_deep_are_refused(data: bytes) -> None:
    with pytest.raises(PresetError, match="not a margin model"):
        parse_preset(data)


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(PresetError, match="not a margin model"):
        parse_preset(b"[")
