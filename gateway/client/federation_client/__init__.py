"""What a backend needs to read from the federation: decisions in one shape, each once; and what is in effect. And what it
answers: whether it does what was decided.

    from federation_client import effective, once, receipts_to

    await bus.subscribe("ai.federation.decision_made", once(handle_federation_decision, receipts=receipts_to(redis)))

Event buses hand over the same entry in different shapes: its fields as bytes or as text, the payload as JSON or already
decoded, the wrapper or the data alone. The handler gets one: `{"event_type": …, "timestamp": …, "data": <decision>}`. After a
fail-over of Redis, or of the federation, an entry may come again: the handler gets each decision once.

With `receipts` each decision is answered: APPLIED when the handler returned, FAILED when it raised an error, REJECTED when it
raised `Rejected`, or when the decision's type or mode is none that this package knows. Nothing is dropped in silence.

Needs the standard library only; `effective` takes any Redis client with `get`, and `receipts_to` one with `xadd`.
"""

import asyncio
import functools
import inspect
import json
from collections import OrderedDict

EVENT_TYPE = "ai.federation.decision_made"

RECEIPT_TYPE = "federation.decision_applied"

#: What a decision may be, and a mode.
DECISION_TYPES = frozenset(
    "MODE_CHANGE CAPITAL_PROFILE RISK_ADJUSTMENT ESS_POLICY STRATEGY_ALLOCATION SYMBOL_UNIVERSE CASHFLOW FREEZE RESEARCH_TASK "
    "OVERRIDE".split()
)
MODES = frozenset(["LIVE", "SHADOW", "PAUSED", "EMERGENCY"])

#: How much of an error is told, and about how many receipts the stream keeps.
MAX_DETAIL = 512
MAX_RECEIPTS = 10_000

#: How many decisions `once` remembers by default: as many as the stream keeps.
REMEMBERED = 10_000

__all__ = [
    "DECISION_TYPES",
    "EVENT_TYPE",
    "MODES",
    "RECEIPT_TYPE",
    "REMEMBERED",
    "NotADecision",
    "Rejected",
    "effective",
    "normalise",
    "once",
    "receipt",
    "receipts_to",
]


class NotADecision(ValueError):
    """What came is no decision; the text says which field, what was seen and what was expected."""


class Rejected(Exception):
    """A handler raises it for a decision that it does not take: an answer of its own, and no error."""


def normalise(event):
    """The event as `{"event_type", "timestamp", "data": <decision>}`, whatever shape the bus gave it."""
    event = _object(event, "event")
    payload = event.get("payload")
    if "decision_type" not in event and payload is not None:
        event = _object(payload, "payload")
    decision = _object(event.get("data", event), "data")
    for field in ("decision_id", "decision_type", "payload"):
        if field not in decision:
            raise NotADecision(f"{field}: seen nothing, expected a federation decision with it; got {_shown(decision)}")
    timestamp = event.get("timestamp") or decision.get("timestamp")
    return {"event_type": EVENT_TYPE, "timestamp": timestamp, "data": decision}


def once(handler, remembered=REMEMBERED, receipts=None):
    """A handler for the bus that gives `handler` each decision once, in one shape.

    `handler` may be a function or a coroutine function. A decision counts as handled when the handler returned, or, where
    `receipts` can tell of it, rejected it: after an error it is given again when it comes again.

    `receipts` is told what became of each decision, as `receipt` has it: a function or a coroutine function, such as
    `receipts_to` makes. What the handler returns, where that is a dict, is what the backend holds now.
    """
    handled = OrderedDict()
    turn = asyncio.Lock()

    @functools.wraps(handler)
    async def handle(event):
        event = normalise(event)
        decision_id = event["data"]["decision_id"]
        # One after another: decisions are to be applied in the order in which they were made.
        async with turn:
            if decision_id in handled:
                handled.move_to_end(decision_id)
                return
            told = None
            try:
                if receipts is None:
                    await _outcome(handler(event))
                else:
                    told = await _applied(handler, event)
            except Exception as failed:
                if receipts is not None:
                    await _outcome(receipts(receipt(event, "FAILED", f"{type(failed).__name__}: {failed}")))
                raise
            handled[decision_id] = True
            while len(handled) > remembered:
                handled.popitem(last=False)
            if told is not None:
                await _outcome(receipts(told))

    return handle


def receipt(event, status, detail=None, effective=None):
    """What became of a decision, as the federation reads it; `status` is APPLIED, FAILED or REJECTED."""
    decision = normalise(event)["data"]
    told = {"decision_id": decision["decision_id"], "status": status}
    if decision.get("portfolio"):
        told["portfolio_id"] = decision["portfolio"]
    # One line: that is what the federation takes.
    detail = " ".join(str(detail or "").split())[:MAX_DETAIL]
    if detail:
        told["detail"] = detail
    if effective is not None:
        told["effective"] = effective
    return told


def receipts_to(redis, prefix="quantum:", source="backend"):
    """A function that publishes a receipt to the federation, by any Redis client with `xadd`."""

    async def publish(told):
        fields = {"event_type": RECEIPT_TYPE, "payload": json.dumps(told), "trace_id": "", "timestamp": "", "source": source}
        fields["correlation_id"] = told["decision_id"]
        await _outcome(redis.xadd(f"{prefix}stream:{RECEIPT_TYPE}", fields, maxlen=MAX_RECEIPTS, approximate=True))

    return publish


async def effective(redis, portfolio="main", prefix="quantum:"):
    """All that is in effect for a portfolio, or None: then nobody governs, and the backend goes to its own safe state."""
    document = await _outcome(redis.get(f"{prefix}federation:effective:{portfolio}"))
    return None if document is None else _object(document, "effective")


async def _outcome(answer):
    return await answer if inspect.isawaitable(answer) else answer


async def _applied(handler, event):
    try:
        _reject_unknown(event["data"])
        answer = await _outcome(handler(event))
    except Rejected as rejected:
        return receipt(event, "REJECTED", rejected)
    return receipt(event, "APPLIED", effective=answer if isinstance(answer, dict) else None)


def _reject_unknown(decision):
    decision_type = decision["decision_type"]
    if decision_type not in DECISION_TYPES:
        raise Rejected(f"decision_type: seen {_shown(decision_type)}, expected one of {', '.join(sorted(DECISION_TYPES))}")
    mode = decision["payload"].get("mode")
    if decision_type == "MODE_CHANGE" and mode not in MODES:
        raise Rejected(f"mode: seen {_shown(mode)}, expected one of {', '.join(sorted(MODES))}")


def _object(value, name):
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as failed:
            raise NotADecision(f"{name}: seen {_shown(value)}, expected JSON ({failed})") from None
    if not isinstance(value, dict):
        raise NotADecision(f"{name}: seen {_shown(value)}, expected an object")
    return {_text(key): _text(item) for key, item in value.items()}


def _text(value):
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _shown(value):
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
