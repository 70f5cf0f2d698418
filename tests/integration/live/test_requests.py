"""What is really asked of Binance and Coinbase, request by request, and how their answers are read."""

from __future__ import annotations

import base64
import itertools
import traceback
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fake_clock import exchange_clock
from loopback_exchange import FEE
from places import PLACES

from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.venues.known import VENUES
from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.money import floor_to_step
from autopilot.domain.order import Order, OrderStatus, OrderType, Side
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.risk.sizing import FEE_MARGIN

OTHER = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
WRONG = {
    ("binance", "api_key"): "x" * 64,
    ("binance", "secret"): "y" * 64,
    ("coinbase", "api_key"): "organizations/11111111-1111-2222-3333-444444444444/apiKeys/none",
    ("coinbase", "secret"): OTHER,
    ("kraken", "api_key"): "another-key",
    ("kraken", "secret"): base64.b64encode(
        b"another secret of sixty-four bytes, which Kraken never gave us!!"
    ).decode(),
}


def sent(live: Any, call: str) -> dict[str, Any]:
    """The latest of these requests, without what makes it one of ours."""
    fields = next(fields for name, fields in reversed(live.exchange.asked) if name == call)
    return {name: each for name, each in fields.items() if name not in ("timestamp", "signature", "newOrderRespType")}


async def submit(live: Any, kind: OrderType, side: Side = Side.BUY, quantity: str = "0.01", **more: Any) -> Order:
    order = live.intend(kind, side, quantity, **more)
    order = replace(order, status=OrderStatus.SUBMITTED, updated_at_ms=live.clock.at_ms)
    await live.broker.submit(order, live.market)
    return order


@pytest.mark.parametrize(
    ("kind", "side", "more", "expected"),
    [
        (OrderType.MARKET, Side.BUY, {}, {"type": "MARKET", "side": "BUY"}),
        (OrderType.MARKET, Side.SELL, {}, {"type": "MARKET", "side": "SELL"}),
        (OrderType.LIMIT, Side.BUY, {}, {"type": "LIMIT", "side": "BUY", "price": "29970.1", "timeInForce": "GTC"}),
        (
            OrderType.STOP,
            Side.SELL,
            {"trigger_price": Decimal("29000.5")},
            {"type": "STOP_LOSS", "side": "SELL", "stopPrice": "29000.5"},
        ),
    ],
    ids=["purchase", "sale", "limit", "stop"],
)
async def test_an_order_as_binance_takes_it(
    binance: Any, kind: OrderType, side: Side, more: Any, expected: dict[str, str]
) -> None:
    binance.exchange.balances["BTC"] = Decimal(1)
    order = await submit(binance, kind, side, **more)
    ours = {"symbol": "BTCUSDT", "quantity": "0.01", "newClientOrderId": order.client_order_id, "recvWindow": "10000"}
    assert sent(binance, "POST order") == ours | expected
    (theirs,) = binance.exchange.named(order.client_order_id)
    assert {"symbol": "BTCUSDT", "orderId": theirs.order_id}.items() <= sent(binance, "GET order").items()
    await binance.broker.lookup(order)
    by_ours = {"symbol": "BTCUSDT", "origClientOrderId": order.client_order_id}
    assert by_ours.items() <= sent(binance, "GET order").items()
    await binance.broker.cancel(order)
    assert by_ours.items() <= sent(binance, "DELETE order").items()


@pytest.mark.parametrize(
    ("kind", "side", "configured"),
    [
        (OrderType.MARKET, Side.BUY, {"market_market_ioc": {"base_size": "0.01"}}),
        (OrderType.MARKET, Side.SELL, {"market_market_ioc": {"base_size": "0.01"}}),
        (
            OrderType.LIMIT,
            Side.BUY,
            {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "29970.1", "post_only": False}},
        ),
    ],
    ids=["purchase", "sale", "limit"],
)
async def test_an_order_as_coinbase_takes_it(coinbase: Any, kind: OrderType, side: Side, configured: Any) -> None:
    coinbase.exchange.balances["BTC"] = Decimal(1)
    order = await submit(coinbase, kind, side)
    assert sent(coinbase, "orders") == {
        "client_order_id": order.client_order_id,
        "product_id": "BTC-USD",
        "side": side.name,
        "order_configuration": configured,
    }
    (theirs,) = coinbase.exchange.named(order.client_order_id)
    await coinbase.broker.cancel(order)
    assert sent(coinbase, "orders/batch_cancel") == {"order_ids": [theirs.order_id]}
    if kind is OrderType.MARKET:
        assert sent(coinbase, "orders/historical/fills")["order_ids"] == theirs.order_id


async def test_a_purchase_with_all_the_money_that_sizing_gives_it_is_taken(anywhere: Any) -> None:
    """Though the price has risen by half of what is kept back for that."""
    price, fee = anywhere.exchange.price, anywhere.market.taker_fee
    most = anywhere.exchange.balances[anywhere.market.quote] / (price["BTC"] * (1 + fee + FEE_MARGIN))
    price["BTC"] *= 1 + FEE_MARGIN / 2
    order = anywhere.intend(OrderType.MARKET, quantity=str(floor_to_step(most, anywhere.market.amount_step)))
    await anywhere.follow()
    assert anywhere.order(order).status is OrderStatus.FILLED
    anywhere.assert_agreed()


@pytest.mark.parametrize(
    ("fee_in", "fee", "currency", "held"),
    [
        ("USDT", "1.2", "USDT", "0.01"),
        ("BTC", "0.00004", "BTC", "0.00996"),
        ("BNB", "1.2", "USDT", "0.01"),
        ("POINTS", "0.12", "POINTS", "0.01"),
    ],
)
async def test_a_fee_in_whatever_coin(binance: Any, fee_in: str, fee: str, currency: str, held: str) -> None:
    binance.exchange.price["POINTS"], binance.exchange.balances["POINTS"] = Decimal(10), Decimal(1)
    binance.exchange.fee_in = None if fee_in == "USDT" else fee_in
    binance.intend(OrderType.MARKET)
    await binance.follow()
    (row,) = binance.database.rows("SELECT fee, fee_currency FROM fills")
    assert (Decimal(row[0]), row[1]) == (Decimal(fee), currency)
    (position,) = binance.ledger.positions(binance.account)
    assert position.quantity == Decimal(held) == binance.exchange.balances["BTC"]
    assert position.fees == (0 if fee_in == "POINTS" else Decimal("1.2")), "it has no price, and is not told as money"


async def test_a_fee_in_the_coins_that_were_sold_is_paid_with_others(binance: Any) -> None:
    """BNB bought and sold, with fees in BNB, of which the account has one more."""
    binance.market = replace(binance.market, symbol="BNB/USDT", base="BNB")
    binance.exchange.fee_in = "BNB"
    binance.intend(OrderType.MARKET, quantity="1")
    await binance.follow()
    (held,) = binance.ledger.positions(binance.account)
    assert (held.quantity, binance.exchange.balances["BNB"]) == (Decimal("0.996"), Decimal("1.996"))
    sale = binance.intend(OrderType.MARKET, Side.SELL, str(held.quantity))
    await binance.follow()
    assert binance.order(sale).status is OrderStatus.FILLED
    assert binance.exchange.balances["BNB"] == Decimal(1) - Decimal("0.996") * FEE
    assert binance.ledger.positions(binance.account) == ()
    (trip,) = binance.ledger.round_trips_since(binance.account, 0)
    assert trip.fees == (1 + Decimal("0.996")) * FEE * 600


async def test_two_markets_number_their_trades_alike(binance: Any) -> None:
    binance.intend(OrderType.MARKET)
    await binance.follow()
    (number,) = binance.exchange.trades
    binance.exchange._numbers = itertools.count(int(number) - 1)
    binance.market = replace(binance.market, symbol="ETH/USDT", base="ETH")
    binance.intend(OrderType.MARKET, quantity="0.1")
    await binance.follow()
    rows = binance.database.rows("SELECT symbol, fill_id, quantity FROM fills ORDER BY rowid")
    assert [tuple(row) for row in rows] == [("BTC/USDT", number, "0.01"), ("ETH/USDT", number, "0.1")]
    assert [held.symbol for held in binance.ledger.positions(binance.account)] == ["BTC/USDT", "ETH/USDT"]


@pytest.mark.parametrize(
    ("name", "call", "filtered_by"), [("binance", "_trades", "orderId"), ("coinbase", "_fills", "order_ids")]
)
async def test_the_fills_of_others_are_not_counted_where_a_filter_is_ignored(
    open_live: Any, name: str, call: str, filtered_by: str
) -> None:
    async with open_live(name) as live:
        plain = getattr(live.exchange, call)
        setattr(live.exchange, call, lambda fields: plain({**fields, filtered_by: None}))
        made = []
        for quantity in ("0.03", "0.01"):
            made.append(live.intend(OrderType.MARKET, quantity=quantity))
            await live.follow()
            live.clock.at_ms += 1
        assert [live.order(order).filled for order in made] == [Decimal("0.03"), Decimal("0.01")]
        live.assert_agreed()


@pytest.mark.parametrize("fault", ["", "reset after"])
@pytest.mark.parametrize("minutes", [0, 1, 60])
async def test_an_id_that_an_order_had_before_these_books_were_begun(anywhere: Any, fault: str, minutes: int) -> None:
    exchange, market = anywhere.exchange, anywhere.market
    order = anywhere.intend(OrderType.LIMIT)
    exchange.place(order.client_order_id, market.base, "buy", "market", Decimal("0.03"), None)
    (first,) = exchange.named(order.client_order_id)
    first.opened_ms -= minutes * MINUTE_MS + 1
    exchange.faults[exchange.placing] = [fault]
    await anywhere.follow()
    await anywhere.reconcile(1)
    (_, second) = exchange.named(order.client_order_id)
    assert anywhere.order(order).exchange_order_id == second.order_id
    assert (anywhere.order(order).status, anywhere.order(order).filled) == (OrderStatus.OPEN, 0)


@pytest.mark.parametrize(
    ("name", "call", "told", "expected"),
    [
        ("binance", "_restrictions", {"enableSpotAndMarginTrading": True, "enableWithdrawals": True}, (True, True)),
        ("binance", "_restrictions", {"enableSpotAndMarginTrading": False, "enableWithdrawals": False}, (False, False)),
        ("binance", "_restrictions", {"ipRestrict": True}, (None, None)),
        ("coinbase", "_permissions", {"can_trade": True, "can_transfer": True}, (True, True)),
        ("coinbase", "_permissions", {"can_trade": False, "can_transfer": False, "can_view": True}, (False, False)),
        ("coinbase", "_permissions", {"can_trade": True}, (True, None)),
    ],
)
async def test_what_a_key_may_do(
    open_live: Any, name: str, call: str, told: dict[str, bool], expected: tuple[bool | None, bool | None]
) -> None:
    async with open_live(name) as live:
        setattr(live.exchange, call, lambda fields: told)
        assert await live.broker.rights() == KeyRights(*expected)


async def test_their_clock_is_read(anywhere: Any) -> None:
    theirs = anywhere.exchange.now_ms
    anywhere.exchange.now_ms = lambda: theirs() + 30_000
    assert await anywhere.broker.clock_offset_ms() == 30_000


@pytest.mark.parametrize("what", ["api_key", "secret"])
@pytest.mark.parametrize("name", PLACES)
async def test_a_wrong_key_is_told_without_telling_the_key(
    open_live: Any, tmp_path: Path, name: str, what: str
) -> None:
    wrong = replace(PLACES[name].keys, **{what: WRONG[name, what]})
    async with open_live(name) as live:
        gateway = Gateway(
            VENUES[name], wrong, exchange_clock(name, live.clock), nonces_dir=tmp_path, base_url=live.exchange.url
        )
        with pytest.raises(MarketUnavailable, match=name) as refused:
            await gateway.query("fetch_balance")
        await gateway.close()
    told = "".join(traceback.format_exception(refused.value)) + refused.value.hint
    assert not [secret for secret in (wrong.api_key, wrong.secret, wrong.secret[40:80]) if secret in told]


async def test_nothing_is_asked_that_is_not_on_the_list(open_live: Any, tmp_path: Path) -> None:
    async with open_live("kraken") as live:
        gateway = Gateway(
            VENUES["kraken"],
            PLACES["kraken"].keys,
            exchange_clock("kraken", live.clock),
            nonces_dir=tmp_path,
            base_url=live.exchange.url,
        )
        for call in ("withdraw", "transfer", "create_order", "private_post_withdraw"):
            with pytest.raises(KeyError, match=call):
                await gateway.query(call)  # type: ignore[arg-type]
        await gateway.close()
        assert live.exchange.asked == []
