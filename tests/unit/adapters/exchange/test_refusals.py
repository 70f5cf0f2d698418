"""What an answer to a new order proves, and whether the answer to a question is one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.exchange.venues.known import VENUES

FINAL, LATER, UNCLEAR = True, False, None
NOT_MADE = ("INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "not_found", "invalid_request")
NOT_NOW = ("Unauthorized", "UNAUTHENTICATED", "RATE_LIMIT_EXCEEDED", "rate_limit_exceeded")
PERHAPS_MADE = (
    *("INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "RESOURCE_EXHAUSTED"),
    *("ALREADY_EXISTS", "internal", "unknown", "internal_server_error", "resource_exhausted", "a word of tomorrow"),
)


def coinbase(**told: str) -> dict[str, Any]:
    return {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "", "error_response": told}


@pytest.mark.parametrize(
    ("exchange", "answer", "verdict"),
    [
        ("kraken", {"error": ["EOrder:Insufficient funds"]}, FINAL),
        ("kraken", {"error": ["EGeneral:Invalid arguments:volume minimum not met"]}, FINAL),
        ("kraken", {"error": ["EAPI:Invalid key"]}, FINAL),
        ("kraken", {"error": ["EAPI:Rate limit exceeded"]}, LATER),
        ("kraken", {"error": ["EGeneral:Temporary lockout"]}, LATER),
        ("kraken", {"error": ["EService:Deadline elapsed"]}, LATER),
        ("kraken", {"error": ["EGeneral:Invalid arguments:deadline"]}, LATER),
        ("kraken", {"error": ["EService: Throttled: 1900000000"]}, LATER),
        ("kraken", {"error": ["EGeneral:Invalid arguments:cl_ord_id"]}, FINAL),
        ("kraken", {"error": ["EGeneral:Invalid arguments:cl_ord_id not unique"]}, UNCLEAR),
        ("kraken", {"error": ["EService:Market in cancel_only mode"]}, FINAL),
        ("kraken", {"error": ["EService:Market in limit_only mode"]}, FINAL),
        ("kraken", {"error": ["EAPI:Invalid nonce"]}, LATER),
        ("kraken", {"error": ["EService:Timeout"]}, UNCLEAR),
        ("kraken", {"error": ["EService:Unavailable"]}, UNCLEAR),
        ("kraken", {"error": ["EService:Busy", "EOrder:Insufficient funds"]}, UNCLEAR),
        ("kraken", {"error": []}, UNCLEAR),
        ("kraken", {"error": [], "result": {"txid": ["O1"]}}, UNCLEAR),
        ("kraken", {"error": ["WGeneral:something"], "result": {"txid": ["O1"]}}, UNCLEAR),
        ("kraken", {"error": "EOrder:Insufficient funds"}, UNCLEAR),
        ("binance", {"code": -2010, "msg": "Account has insufficient balance for requested action."}, FINAL),
        ("binance", {"code": -1013, "msg": "Filter failure: NOTIONAL"}, FINAL),
        ("binance", {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, FINAL),
        ("binance", {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, LATER),
        ("binance", {"code": -1003, "msg": "Too many requests"}, LATER),
        ("binance", {"code": -1015, "msg": "Too many new orders"}, LATER),
        ("binance", {"code": -1006, "msg": "execution status unknown"}, UNCLEAR),
        ("binance", {"code": -1007, "msg": "Send status unknown; execution status unknown."}, UNCLEAR),
        ("binance", {"code": -1004, "msg": "Server is busy, please wait and try again"}, UNCLEAR),
        ("binance", {"code": -2010, "msg": "Duplicate order sent."}, UNCLEAR),
        ("binance", {"code": 0, "msg": "success"}, UNCLEAR),
        ("binance", {"code": "-2010"}, UNCLEAR),
        ("binance", {"orderId": 1, "status": "NEW"}, UNCLEAR),
        ("coinbase", coinbase(error="INSUFFICIENT_FUND", preview_failure_reason="PREVIEW_INSUFFICIENT_FUND"), FINAL),
        ("coinbase", coinbase(error="UNKNOWN_FAILURE_REASON", new_order_failure_reason="INVALID_PRICE"), FINAL),
        ("coinbase", coinbase(error="INTERNAL", preview_failure_reason="PREVIEW_INVALID_SIDE"), FINAL),
        ("coinbase", coinbase(error="UNKNOWN_FAILURE_REASON", message="The order configuration was invalid"), UNCLEAR),
        ("coinbase", coinbase(error="UNKNOWN_FAILURE_REASON", message="Internal error"), UNCLEAR),
        ("coinbase", coinbase(error="INTERNAL", preview_failure_reason="UNKNOWN_PREVIEW_FAILURE_REASON"), UNCLEAR),
        ("coinbase", coinbase(error="DUPLICATE_CLIENT_ORDER_ID"), UNCLEAR),
        ("coinbase", coinbase(error="INVALID_REQUEST", new_order_failure_reason="ALREADY_EXISTS"), UNCLEAR),
        ("coinbase", coinbase(error="UNKNOWN_FAILURE_REASON"), UNCLEAR),
        ("coinbase", coinbase(preview_failure_reason="UNKNOWN_PREVIEW_FAILURE_REASON"), UNCLEAR),
        ("coinbase", coinbase(), UNCLEAR),
        ("coinbase", {"success": False}, UNCLEAR),
        ("coinbase", {"success": True, "success_response": {"order_id": "1"}}, UNCLEAR),
        *(("coinbase", {"error": error, "message": "no"}, FINAL) for error in NOT_MADE),
        *(("coinbase", {"error": error, "message": "no"}, LATER) for error in NOT_NOW),
        *(("coinbase", {"error": error, "error_details": "", "message": "?"}, UNCLEAR) for error in PERHAPS_MADE),
        ("coinbase", {"error": 13, "message": "INVALID_ARGUMENT"}, UNCLEAR),
        ("coinbase", {"message": "INVALID_ARGUMENT"}, UNCLEAR),
    ],
)
def test_only_clear_words_refuse_an_order(exchange: str, answer: Any, verdict: bool | None) -> None:
    refusal = VENUES[exchange].refusal(json.dumps(answer))
    assert (refusal.is_final if refusal else None) is verdict
    if refusal:
        assert refusal.words.strip(": ")


@pytest.mark.parametrize("exchange", VENUES)
@pytest.mark.parametrize("body", [None, "", "null", "[]", "<html>502</html>", '{"error": ', "[" * 60_000, "7", '"x"'])
def test_what_is_no_document_refuses_nothing(exchange: str, body: str | None) -> None:
    assert VENUES[exchange].refusal(body) is None
    assert VENUES[exchange].is_whole(body) is (exchange == "binance" and body == "[]")


@given(
    st.sampled_from(sorted(VENUES)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "code", "msg", "success", "error_response", "result"]), inner)
        ),
    ),
)
def test_no_document_whatever_breaks_the_reading(exchange: str, document: Any) -> None:
    body = json.dumps(document)
    refusal = VENUES[exchange].refusal(body)
    assert not (refusal and VENUES[exchange].is_whole(body)), "refused and answered at once"


@pytest.mark.parametrize(
    ("exchange", "answer", "is_whole"),
    [
        ("kraken", {"error": [], "result": {}}, True),
        ("kraken", {"error": []}, False),
        ("kraken", {"error": ["EService:Unavailable"], "result": {}}, False),
        ("binance", [], True),
        ("binance", {"balances": []}, True),
        ("binance", {"code": -1000, "msg": "x"}, False),
        ("binance", {}, False),
        ("coinbase", {"orders": []}, True),
        ("coinbase", {"fills": []}, True),
        ("coinbase", {"data": {"epoch": 1}}, True),
        ("coinbase", {"orders": [], "has_next": True, "cursor": "9"}, True),
        ("coinbase", {"orders": [], "has_next": True, "cursor": ""}, False),
        ("coinbase", {"error": "internal"}, False),
        ("coinbase", {}, False),
    ],
)
def test_only_a_whole_answer_is_one(exchange: str, answer: Any, is_whole: bool) -> None:
    assert VENUES[exchange].is_whole(json.dumps(answer)) is is_whole


@pytest.mark.parametrize(
    ("exchange", "answer", "is_absent"),
    [
        ("kraken", {"error": ["EOrder:Unknown order"]}, True),
        ("kraken", {"error": ["EOrder:Invalid order"]}, True),
        ("kraken", {"error": ["EOrder:Unknown order", "EService:Busy"]}, False),
        ("kraken", {"error": ["EService:Unavailable"]}, False),
        ("kraken", {"error": ["EGeneral:Permission denied"]}, False),
        ("kraken", {"error": [], "result": {}}, False),
        ("kraken", [], False),
        ("binance", {"code": -2013, "msg": "Order does not exist."}, True),
        ("binance", {"code": -2011, "msg": "Unknown order sent."}, False),
        ("binance", {"code": -1000, "msg": "Order does not exist."}, False),
        ("binance", {"orderId": 2013}, False),
        ("binance", [], False),
    ],
)
def test_only_clear_words_say_that_there_is_no_order(exchange: str, answer: Any, is_absent: bool) -> None:
    assert VENUES[exchange].has_no_order(json.dumps(answer)) is is_absent


@pytest.mark.parametrize(
    ("answer", "cursor"),
    [
        ({"orders": [], "has_next": True, "cursor": "9"}, "9"),
        ({"orders": [], "has_next": False, "cursor": "9"}, ""),
        ({"orders": [], "has_next": False, "cursor": ""}, ""),
        ({"fills": [], "cursor": "9"}, "9"),
        ({"fills": [], "cursor": ""}, ""),
        ({"fills": []}, ""),
    ],
)
def test_where_a_list_goes_on(answer: Any, cursor: str) -> None:
    assert VENUES["coinbase"].cursor(json.dumps(answer)) == cursor
