"""Mistakes in the demo: what it does after a death, with a lost link, and with what it missed."""

from tests.planted_desk.mistake import Mistake

_POST = "unit/desk/demo/test_post.py"

DEMO: tuple[Mistake, ...] = (
    Mistake(
        "a host that begins again sends what was in flight again",
        ("RECON-31",),
        "demo/post.py",
        "        if self.recovered.desk.seq:\n            self.engine.resume()\n",
        "        if self.recovered.desk.seq:\n"
        "            core = __import__('lockstep_desk.core.commands', fromlist=['x'])\n"
        "            hooks = __import__('lockstep_desk.core.hooks', fromlist=['x'])\n"
        "            self.venue.session.connect()\n"
        "            for one in self.engine.view.orders():\n"
        "                asked = core.OpenRequest(\n"
        "                    one.account, one.instrument, one.side, one.qty_e8, 0, 1, 2\n"
        "                )\n"
        "                wanted = hooks.Intents(one.deployment, opens=(asked,))\n"
        "                self.engine.decide(wanted, self.engine.view.seq)\n"
        "            self.engine.resume()\n",
        f"{_POST}::test_what_was_in_flight_is_asked_for_and_never_sent_again",
    ),
    Mistake(
        "after a death the link delivers without a sweep",
        ("RECON-31",),
        "demo/post.py",
        '        return self.sweep("on boot", self.engine, is_linking=True)\n',
        '        self.shared.connect()\n        return Swept("on boot", 0, (), 0)\n',
        f"{_POST}::test_after_a_death_a_sweep_comes_before_trading_is_enabled",
    ),
    Mistake(
        "a lost link lets the desk trade on",
        ("DESK-22",),
        "demo/post.py",
        "            desk.disable_trading()\n",
        "            pass\n",
        f"{_POST}::test_a_lost_link_stops_trading_until_somebody_enables_it_again",
    ),
    Mistake(
        "the close by a native stop is booked at a guessed price",
        ("RECON-32",),
        "recon/match.py",
        "        owned = msgspec.structs.replace(fill, deployment_id=holding.owner)\n",
        "        guessed = fill.price_e9 if self.view.is_owned(fill) else fill.price_e9 + 10**7\n"
        "        owned = msgspec.structs.replace(\n"
        "            fill, deployment_id=holding.owner, price_e9=guessed\n"
        "        )\n",
        f"{_POST}::test_a_native_stop_that_nobody_saw_is_booked_at_its_real_price_for_its_owner",
    ),
    Mistake(
        "a host that begins again does not know the orders of the one before",
        ("DESK-71",),
        "demo/post.py",
        "            numbers = DeskView(self._live.sequencer.state).numbers()\n",
        "            numbers = ()\n",
        f"{_POST}::test_a_resting_order_that_filled_before_a_death_is_the_desks_own_afterwards",
    ),
    Mistake(
        "the market of a new host begins anew",
        ("RECON-31",),
        "adapters/exchange/durable.py",
        "        self.moved = past.moved\n",
        "        self.moved = 0\n",
        f"{_POST}::test_the_market_goes_on_where_it_was",
    ),
    Mistake(
        "what was acknowledged before a kill is not looked for",
        ("RECON-31",),
        "demo/folder.py",
        "            (self.acknowledged == self.at_acknowledged, ",
        "            (True, ",
        "unit/desk/demo/test_folder.py::test_what_does_not_hold_of_a_death_is_said",
    ),
)
