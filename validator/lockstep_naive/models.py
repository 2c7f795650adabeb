"""What margin is computed with: rates, portfolio models, modes ([ADM-7], [MRG-7])."""

from lockstep_engine.codes import Code, MarginMode
from lockstep_engine.commands import SetMarginMode, SetMarginModel, SetPortfolioModel
from lockstep_engine.events import MarginModelSet, MarginModeSet, PortfolioModelSet
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.margin import free_in_e6, instruments_of
from lockstep_naive.rows import Instrument, model_row
from lockstep_naive.shapes import is_good_model
from lockstep_naive.worth import expiry_ns

E9 = 10**9
BPS_MAX = 10**4
ADDON_SIZE_MAX_E8 = 10**18


def set_margin_model(core: NaiveCore, action: SetMarginModel) -> Refusal:
    """[ADM-7]."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return Code.UNKNOWN_UNDERLYING
    rates = action.rates
    fractions_e9 = (
        rates.future_initial_e9,
        rates.future_maintenance_e9,
        rates.option_initial_e9,
        rates.option_floor_e9,
        rates.option_maintenance_e9,
        rates.put_mark_e9,
    )
    if not (
        all(0 <= fraction_e9 <= E9 for fraction_e9 in fractions_e9)
        and 0 <= rates.addon_bps <= BPS_MAX
        and 0 <= rates.penalty_bps <= BPS_MAX
        and 1 <= rates.addon_size_e8 <= ADDON_SIZE_MAX_E8
    ):
        return Code.BAD_MARGIN_MODEL
    core.underlyings.put(underlying.with_rates(rates))
    core.emit(MarginModelSet(action.underlying, rates))
    return None


def set_portfolio_model(core: NaiveCore, action: SetPortfolioModel) -> Refusal:
    """[ADM-7]."""
    if core.underlyings.get(action.underlying) is None:
        return Code.UNKNOWN_UNDERLYING
    model = model_row(action.underlying, action.model)
    if not is_good_model(model):
        return Code.BAD_MARGIN_MODEL
    core.models.put(model)
    core.emit(PortfolioModelSet(action.underlying, action.model))
    return None


def set_margin_mode(core: NaiveCore, account: int, action: SetMarginMode) -> Refusal:
    """[MRG-7]."""
    if not MarginMode.STANDARD <= action.mode <= MarginMode.PORTFOLIO:
        return Code.BAD_PARAMETER
    mode = MarginMode(action.mode)
    if mode == MarginMode.PORTFOLIO:
        refusal = _check_portfolio(core, account)
        if refusal is not None:
            return refusal
    if free_in_e6(core, account, mode) < 0:
        return Code.INSUFFICIENT_MARGIN
    core.accounts.put(core.accounts.must(account)._replace(margin_mode=int(mode)))
    core.emit(MarginModeSet(account, int(mode)))
    return None


def check_modelled(core: NaiveCore, instrument: Instrument) -> Refusal:
    """Return why an account with mode PORTFOLIO may not order an instrument that is alive."""
    return _check_model(core, instrument) or _check_surface(core, instrument)


def _check_portfolio(core: NaiveCore, account: int) -> Refusal:
    """Look for models first and for surfaces then, in all that the account has."""
    instruments = [core.instruments.must(number) for number in instruments_of(core, account)]
    for instrument in instruments:
        if _check_model(core, instrument) is not None:
            return Code.NO_MARGIN_MODEL
    for instrument in instruments:
        if not instrument.is_expired and _check_surface(core, instrument) is not None:
            return Code.NO_SURFACE
    return None


def _check_model(core: NaiveCore, instrument: Instrument) -> Refusal:
    model = core.models.get(instrument.contract.underlying)
    return Code.NO_MARGIN_MODEL if model is None else None


def _check_surface(core: NaiveCore, instrument: Instrument) -> Refusal:
    if not instrument.is_option:
        return None
    surface = core.surfaces.get((instrument.contract.underlying, expiry_ns(core, instrument)))
    return Code.NO_SURFACE if surface is None else None
