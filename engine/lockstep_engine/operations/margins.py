"""SetMarginModel, SetPortfolioModel ([ADM-7]) and SetMarginMode ([MRG-7])."""

from typing import Final

from lockstep_engine.codes import Code, MarginMode
from lockstep_engine.commands import (
    MarginRates,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
)
from lockstep_engine.entities import Underlying, UnderlyingModel
from lockstep_engine.events import MarginModelSet, MarginModeSet, PortfolioModelSet
from lockstep_engine.risk.models import is_good_model
from lockstep_engine.risk.modes import change_mode
from lockstep_engine.risk.standard import prices_moved
from lockstep_engine.state import Account, Events, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_MARGIN_MODEL: Final = int(Code.BAD_MARGIN_MODEL)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)
_E9: Final = 10**9
_E4: Final = 10**4
_ADDON_SIZE_MAX_E8: Final = 10**18


def set_margin_model(core: ExchangeCore, action: SetMarginModel, events: Events) -> int:
    """Set an underlying's standard margin, from the next admission on."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return _UNKNOWN_UNDERLYING
    if not _are_good_rates(action.rates):
        return _BAD_MARGIN_MODEL
    underlying.set_rates(action.rates)
    _follow(core, underlying)
    core.touch(underlying)
    events.append(MarginModelSet(action.underlying, action.rates))
    return _ACCEPTED


def set_portfolio_model(core: ExchangeCore, action: SetPortfolioModel, events: Events) -> int:
    """Set an underlying's portfolio margin, from the next admission on."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return _UNKNOWN_UNDERLYING
    if not is_good_model(action.model):
        return _BAD_MARGIN_MODEL
    model = underlying.model
    if model is None:
        model = underlying.model = UnderlyingModel(action.underlying, action.model)
    else:
        model.set(action.model)
    _follow(core, underlying)
    for instrument in core.instruments.values():
        if instrument.underlying is underlying:
            prices_moved(core, instrument)
    core.touch(model)
    events.append(PortfolioModelSet(action.underlying, action.model))
    return _ACCEPTED


def set_margin_mode(
    core: ExchangeCore, account: Account, action: SetMarginMode, events: Events
) -> int:
    """Choose how the account's margin is computed, if that leaves it enough."""
    mode = action.mode
    if not 0 <= mode <= _PORTFOLIO:
        return _BAD_PARAMETER
    code = change_mode(core, account, mode)
    if code == _ACCEPTED:
        events.append(MarginModeSet(account.account, mode))
    return code


def _follow(core: ExchangeCore, underlying: Underlying) -> None:
    """Have instruments and accounts compute their margin anew when they are used."""
    underlying.version += 1
    core.price_version += 1


def _are_good_rates(rates: MarginRates) -> bool:
    shares = (
        rates.future_initial_e9,
        rates.future_maintenance_e9,
        rates.option_initial_e9,
        rates.option_floor_e9,
        rates.option_maintenance_e9,
        rates.put_mark_e9,
    )
    if min(shares) < 0 or max(shares) > _E9:
        return False
    if not 0 <= rates.addon_bps <= _E4 or not 0 <= rates.penalty_bps <= _E4:
        return False
    return 1 <= rates.addon_size_e8 <= _ADDON_SIZE_MAX_E8
