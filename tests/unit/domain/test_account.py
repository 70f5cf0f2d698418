from __future__ import annotations

import pytest

from autopilot.domain.account import account_name, exchange_of, is_live


@pytest.mark.parametrize(("account", "live"), [("live:kraken", True), ("paper:kraken", False), ("backtest", False)])
def test_which_accounts_hold_real_money(account: str, live: bool) -> None:
    assert is_live(account) is live


@pytest.mark.parametrize("paper", [True, False])
def test_a_name_tells_its_exchange_and_its_money(paper: bool) -> None:
    name = account_name("kraken", paper=paper)
    assert (exchange_of(name), is_live(name)) == ("kraken", not paper)
