"""What a portfolio margin model makes of an expiry and of one lot of an instrument ([MRG-3]).

Owns shocks, shocked volatilities and scenario values. Pure: integers in, integers out; everything
that is not plain integer arithmetic is detmath's. Nothing here knows positions or accounts.

A `Grid` is a model made ready, once per model. A `Shape` is the grid at one forward and time to
expiry, once per surface. A lot is what one lot of an instrument is worth in each scenario, once per
mark; from there on margin is linear in lots (see portfolio.py).
"""

from math import isqrt
from typing import Final

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel
from lockstep_engine.risk.detmath import (
    VOL_MAX_E9,
    decay_e9,
    growth_e9,
    log_ratio_e9,
    power_e9,
    price_e6,
)
from lockstep_kernel.arith import div_half_even

BASIS_MAX_E9: Final = 8_000_000_000
"""A basis loss counts at most eightfold, however far the expiry."""

_FIXED: Final = int(VolRule.FIXED)
_UP: Final = int(VolRule.UP)
_DOWN: Final = int(VolRule.DOWN)
_LINEAR: Final = int(VolRule.LINEAR)
_WINGS: Final = int(VolRule.WINGS)
_E9: Final = 10**9
_E16: Final = 10**16
_E18: Final = 10**18
_E25: Final = 10**25
_DAYS_30_NS: Final = 30 * 86_400 * 10**9
_YEAR_NS: Final = 365 * 86_400 * 10**9


class Rates:
    """Interest of an expiry, for venues that discount: values by `discount_e9`, rates by multiples.

    The exchange itself has none; with the defaults every formula is that of [MRG-3].
    """

    __slots__ = ("discount_e9", "long_mult_e9", "rate_e9", "short_mult_e9")

    def __init__(
        self,
        rate_e9: int = 0,
        discount_e9: int = _E9,
        long_mult_e9: int = 0,
        short_mult_e9: int = 0,
    ) -> None:
        self.rate_e9 = rate_e9
        self.discount_e9 = discount_e9
        self.long_mult_e9 = long_mult_e9
        self.short_mult_e9 = short_mult_e9


class Grid:
    """The scenarios of a model, each as four numbers, and which of them are skews."""

    __slots__ = ("factors_e9", "has_skew", "is_skew", "model", "rules", "spots_e9", "weights_e9")

    def __init__(self, model: PortfolioModel) -> None:
        self.model = model
        self.spots_e9: list[int] = [one.spot_e9 for one in model.scenarios]
        self.rules: list[int] = [one.vol_rule for one in model.scenarios]
        self.factors_e9: list[int] = [one.vol_e9 for one in model.scenarios]
        self.weights_e9: list[int] = [one.weight_e9 for one in model.scenarios]
        self.is_skew: list[bool] = [one.vol_rule >= _LINEAR for one in model.scenarios]
        self.has_skew = True in self.is_skew


class Shape:
    """A grid at one forward and time to expiry: all that the options of an expiry share."""

    __slots__ = (
        *("basis_down_e6", "basis_e9", "basis_up_e6", "discount_e9", "down_e9", "forward_e6"),
        *("forwards_e6", "grid", "linear_cap_e9", "long_e9", "short_e9", "to_expiry_ns", "up_e9"),
        *("up_vol_min_e9", "width_e9", "wings_cap_e9"),
    )

    def __init__(
        self, grid: Grid, forward_e6: int, to_expiry_ns: int, rates: Rates | None = None
    ) -> None:
        model = grid.model
        self.grid = grid
        self.forward_e6 = forward_e6
        self.to_expiry_ns = to_expiry_ns
        self.forwards_e6: list[int] = [_shocked(forward_e6, spot) for spot in grid.spots_e9]
        self.basis_up_e6 = _shocked(forward_e6, model.basis_up_e9)
        self.basis_down_e6 = _shocked(forward_e6, model.basis_down_e9)
        self.up_vol_min_e9: int = model.up_vol_min_e9
        left_ns = to_expiry_ns if to_expiry_ns > 0 else 0
        self.up_e9, self.down_e9 = _vol_shocks(model, left_ns)
        root_e9 = isqrt(left_ns * _E18 // _YEAR_NS)
        self.linear_cap_e9 = _cap(model.linear_cap_e9, model.linear_slope_e9, root_e9)
        self.wings_cap_e9 = _cap(model.wings_cap_e9, model.wings_slope_e9, root_e9)
        self.width_e9 = _width(model, root_e9)
        interest = Rates() if rates is None else rates
        self.discount_e9 = interest.discount_e9
        self.long_e9, self.short_e9 = _discounts(model, left_ns, interest)
        basis = model.basis_factor_e9 + model.basis_yearly_e9 * left_ns // _YEAR_NS
        self.basis_e9: int = basis if basis < BASIS_MAX_E9 else BASIS_MAX_E9


class Contract:
    """What of an option never changes; `unit_e16` is lot_e8 x contract_size_e8."""

    __slots__ = ("is_call", "strike_e6", "unit_e16")

    def __init__(self, is_call: bool, strike_e6: int, unit_e16: int) -> None:
        self.is_call = is_call
        self.strike_e6 = strike_e6
        self.unit_e16 = unit_e16


class OptionLot:
    """The value of one lot of an option in each scenario, at both basis spots, and at its mark."""

    __slots__ = ("basis_down_e6", "basis_up_e6", "contract", "mark_lot_e6", "values_e6")

    def __init__(
        self, contract: Contract, mark_lot_e6: int, values_e6: list[int], basis_e6: tuple[int, int]
    ) -> None:
        self.contract = contract
        self.mark_lot_e6 = mark_lot_e6
        self.values_e6 = values_e6
        self.basis_up_e6, self.basis_down_e6 = basis_e6


class FutureLot:
    """What one lot of a future or perpetual gains on its mark in each scenario."""

    __slots__ = ("gains_e6", "unit_e16")

    def __init__(self, gains_e6: list[int], unit_e16: int) -> None:
        self.gains_e6 = gains_e6
        self.unit_e16 = unit_e16


def option_lot(shape: Shape, contract: Contract, vol_e9: int, mark_lot_e6: int) -> OptionLot:
    """Return one lot of an option; `vol_e9` is that of its surface. O(scenarios)."""
    grid = shape.grid
    vols = shocked_vols(shape, contract.strike_e6, vol_e9)
    forwards, rules, factors = shape.forwards_e6, grid.rules, grid.factors_e9
    values: list[int] = []
    for index in range(len(forwards)):
        rule = rules[index]
        vol = vols[rule]
        if rule == _FIXED:
            vol = _capped(vol_e9 * factors[index] // _E9)
        values.append(_value(shape, contract, forwards[index], vol))
    basis = (
        _value(shape, contract, shape.basis_up_e6, vol_e9),
        _value(shape, contract, shape.basis_down_e6, vol_e9),
    )
    return OptionLot(contract, mark_lot_e6, values, basis)


def future_lot(grid: Grid, price_e6: int, unit_e16: int, mark_lot_e6: int) -> FutureLot:
    """Return one lot of a future or perpetual marked at `price_e6`. O(scenarios)."""
    product = price_e6 * unit_e16
    gains = [div_half_even(product * spot, _E25) - mark_lot_e6 for spot in grid.spots_e9]
    return FutureLot(gains, unit_e16)


def shocked_vols(shape: Shape, strike_e6: int, vol_e9: int) -> list[int]:
    """Return an option's volatility by rule, at most 10^11, the highest that has a price.

    For FIXED it is the volatility itself; for skews too if the grid has none.
    """
    up = vol_e9 * shape.up_e9 // _E9
    if up < shape.up_vol_min_e9:
        up = shape.up_vol_min_e9
    down = vol_e9 * shape.down_e9 // _E9
    if not shape.grid.has_skew:
        return [vol_e9, _capped(up), _capped(down), vol_e9, vol_e9]
    distance = log_ratio_e9(strike_e6, shape.forward_e6)
    linear = _skewed(vol_e9, distance, shape.linear_cap_e9, shape.width_e9)
    wings = _skewed(vol_e9, abs(distance), shape.wings_cap_e9, shape.width_e9)
    return [vol_e9, _capped(up), _capped(down), linear, wings]


def _value(shape: Shape, contract: Contract, forward_e6: int, vol_e9: int) -> int:
    price = price_e6(contract.is_call, forward_e6, contract.strike_e6, shape.to_expiry_ns, vol_e9)
    if shape.discount_e9 == _E9:
        return div_half_even(price * contract.unit_e16, _E16)
    return div_half_even(price * contract.unit_e16 * shape.discount_e9, _E25)


def _capped(vol_e9: int) -> int:
    return vol_e9 if vol_e9 < VOL_MAX_E9 else VOL_MAX_E9


def _skewed(vol_e9: int, distance_e9: int, cap_e9: int, width_e9: int) -> int:
    """Return the volatility tilted by the distance from the forward, up to the cap either way."""
    tilt = distance_e9 * cap_e9 // width_e9
    if tilt > cap_e9:
        tilt = cap_e9
    elif tilt < -cap_e9:
        tilt = -cap_e9
    return _capped(vol_e9 * (_E9 + tilt) // _E9) if tilt > -_E9 else 0


def _shocked(forward_e6: int, spot_e9: int) -> int:
    shocked = div_half_even(forward_e6 * spot_e9, _E9)
    return shocked if shocked > 1 else 1


def _vol_shocks(model: PortfolioModel, left_ns: int) -> tuple[int, int]:
    """Return the factors of UP and DOWN: a range times (30 days / time)^power."""
    power = model.short_power_e9 if left_ns <= _DAYS_30_NS else model.long_power_e9
    time_ns = left_ns if left_ns > model.floor_ns else model.floor_ns
    shock = power_e9(_DAYS_30_NS, time_ns, power)
    down = _E9 - model.down_range_e9 * shock // _E9
    return _E9 + model.up_range_e9 * shock // _E9, down if down > 0 else 0


def _cap(cap_e9: int, slope_e9: int, root_e9: int) -> int:
    cap = cap_e9 + slope_e9 * root_e9 // _E9
    return cap if cap > 0 else 0


def _width(model: PortfolioModel, root_e9: int) -> int:
    vol = model.width_vol_e9 + root_e9 * model.width_vol_slope_e9 // _E9
    width: int = root_e9 * model.width_scale_e9 * vol // _E18
    return width if width > model.width_min_e9 else model.width_min_e9


def _discounts(model: PortfolioModel, left_ns: int, rates: Rates) -> tuple[int, int]:
    """Return the factors on the value of a net long and of a net short expiry."""
    long_rate = model.long_rate_e9 + rates.rate_e9 * rates.long_mult_e9 // _E9
    short_rate = model.short_rate_e9 + rates.rate_e9 * rates.short_mult_e9 // _E9
    long = model.long_discount_e9 * decay_e9(left_ns, long_rate) // _E9
    short = model.short_discount_e9 * growth_e9(left_ns, short_rate) // _E9
    most = _E18 // rates.discount_e9
    return long, short if short < most else most
