"""What a backend needs to read from the federation: decisions in one shape, each once; and what is in effect.

    from federation_client import once, effective

    await bus.subscribe("ai.federation.decision_made", once(handle_federation_decision))

Event buses hand over the same entry in different shapes: its fields as bytes or as text, the payload as JSON or already
decoded, the wrapper or the data alone. The handler gets one: `{"event_type": …, "timestamp": …, "data": <decision>}`. After a
fail-over of Redis, or of the federation, an entry may come again: the handler gets each decision once.

Needs the standard library only; `effective` takes any Redis client with `get`.
"""

import asyncio
import functools
import inspect
import json
from collections import OrderedDict

EVENT_TYPE = "ai.federation.decision_made"

#: How many decisions `once` remembers by default: as many as the stream keeps.
REMEMBERED = 10_000

__all__ = ["EVENT_TYPE", "REMEMBERED", "NotADecision", "effective", "normalise", "once"]


class NotADecision(ValueError):
    """What came is no decision; the text says which field, what was seen and what was expected."""


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


def once(handler, remembered=REMEMBERED):
    """A handler for the bus that gives `handler` each decision once, in one shape.

    `handler` may be a function or a coroutine function. A decision counts as handled when the handler returned: after an error
    it is given again when it comes again.
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
            answer = handler(event)
            if inspect.isawaitable(answer):
                await answer
            handled[decision_id] = True
            while len(handled) > remembered:
                handled.popitem(last=False)

    return handle


async def effective(redis, portfolio="main", prefix="quantum:"):
    """All that is in effect for a portfolio, or None: then nobody governs, and the backend goes to its own safe state."""
    document = redis.get(f"{prefix}federation:effective:{portfolio}")
    if inspect.isawaitable(document):
        document = await document
    return None if document is None else _object(document, "effective")


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
