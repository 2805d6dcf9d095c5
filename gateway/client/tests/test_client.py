"""Every shape in which a bus hands over the same entry, and each decision once."""

import asyncio
import json
import unittest

from federation_client import EVENT_TYPE, RECEIPT_TYPE, NotADecision, Rejected, effective, normalise, once, receipts_to

DECISION = {
    "decision_id": "d-1",
    "decision_type": "FREEZE",
    "timestamp": "2026-03-02T10:00:00Z",
    "payload": {"duration_minutes": 120},
}
WRAPPED = {"event_type": EVENT_TYPE, "timestamp": "2026-03-02T10:00:00Z", "data": DECISION}
FIELDS = {"event_type": EVENT_TYPE, "payload": json.dumps(WRAPPED), "timestamp": "2026-03-02T10:00:00Z", "source": "federation-ai"}

SHAPES = {
    "a client without decoded responses": {key.encode(): value.encode() for key, value in FIELDS.items()},
    "a client with decoded responses": FIELDS,
    "a bus that decodes the payload": {**FIELDS, "payload": WRAPPED},
    "a bus that passes the payload": WRAPPED,
    "a bus that passes the payload as JSON": json.dumps(WRAPPED),
    "a bus that passes the payload as bytes": json.dumps(WRAPPED).encode(),
    "a bus that passes the data": DECISION,
}


class Shapes(unittest.TestCase):
    def test_every_shape_is_the_same_event(self):
        for name, event in SHAPES.items():
            with self.subTest(name):
                self.assertEqual(normalise(event), WRAPPED)

    def test_what_is_no_decision_is_refused_with_field_seen_and_expected(self):
        for event, told in [
            ({"payload": "not json"}, "payload: seen 'not json', expected JSON"),
            ({"payload": "[1]"}, "payload: seen [1], expected an object"),
            ({"data": {"decision_id": "x"}}, "decision_type: seen nothing"),
            (None, "event: seen None, expected an object"),
        ]:
            with self.subTest(told):
                with self.assertRaises(NotADecision) as raised:
                    normalise(event)
                self.assertIn(told, str(raised.exception))


class Once(unittest.TestCase):
    def handle(self, events, handler, **options):
        async def run():
            handle = once(handler, **options)
            for event in events:
                try:
                    await handle(event)
                except RuntimeError:
                    pass

        asyncio.run(run())

    def test_each_decision_is_handled_once_in_whatever_shape_it_comes_again(self):
        got = []
        self.handle(SHAPES.values(), got.append)
        self.assertEqual(got, [WRAPPED])

    def test_a_coroutine_is_awaited(self):
        got = []

        async def handler(event):
            await asyncio.sleep(0)
            got.append(event)

        self.handle([WRAPPED, WRAPPED], handler)
        self.assertEqual(got, [WRAPPED])

    def test_a_decision_whose_handler_failed_is_given_again(self):
        got = []

        def handler(event):
            got.append(event)
            if len(got) == 1:
                raise RuntimeError("the backend is away")

        self.handle([WRAPPED, WRAPPED, WRAPPED], handler)
        self.assertEqual(len(got), 2)

    def test_the_memory_is_bounded(self):
        got = []
        decisions = [{**DECISION, "decision_id": str(number)} for number in (1, 2, 3, 1)]
        self.handle(decisions, got.append, remembered=2)
        self.assertEqual([event["data"]["decision_id"] for event in got], ["1", "2", "3", "1"])


class Receipts(unittest.TestCase):
    def receipts(self, event, handler):
        """What is told of an event, and the error that came out."""
        told = []
        try:
            asyncio.run(once(handler, receipts=told.append)(event))
        except RuntimeError as failed:
            return told, str(failed)
        return told, None

    def test_what_the_handler_did_is_told(self):
        def fails(event):
            raise RuntimeError("the engine is\naway")

        def rejects(event):
            raise Rejected("no such subsystem: futures")

        decision = {**DECISION, "portfolio": "alpha"}
        about = {"decision_id": "d-1", "portfolio_id": "alpha"}
        for handler, told, error in [
            (lambda event: None, {"status": "APPLIED"}, None),
            (lambda event: {"mode": "PAUSED"}, {"status": "APPLIED", "effective": {"mode": "PAUSED"}}, None),
            (rejects, {"status": "REJECTED", "detail": "no such subsystem: futures"}, None),
            (fails, {"status": "FAILED", "detail": "RuntimeError: the engine is away"}, "the engine is\naway"),
        ]:
            with self.subTest(told):
                self.assertEqual(self.receipts(decision, handler), ([{**about, **told}], error))

    def test_what_nobody_knows_is_rejected_before_the_handler_drops_it(self):
        for changes, detail in [
            ({"decision_type": "TELEPORT"}, "decision_type: seen 'TELEPORT', expected one of "),
            ({"decision_type": "MODE_CHANGE", "payload": {"mode": "SLEEPY"}}, "mode: seen 'SLEEPY', expected one of "),
        ]:
            with self.subTest(detail):
                got = []
                told, error = self.receipts({**DECISION, **changes}, got.append)
                self.assertEqual((got, error, told[0]["status"]), ([], None, "REJECTED"))
                self.assertTrue(told[0]["detail"].startswith(detail), told)

    def test_without_receipts_a_rejection_is_an_error(self):
        def rejects(event):
            raise Rejected("no")

        with self.assertRaises(Rejected):
            asyncio.run(once(rejects)(WRAPPED))

    def test_a_decision_that_was_handled_is_told_once(self):
        told = []

        async def twice():
            handle = once(lambda event: None, receipts=told.append)
            await handle(WRAPPED)
            await handle(WRAPPED)

        asyncio.run(twice())
        self.assertEqual(len(told), 1)

    def test_receipts_go_to_their_stream(self):
        added = []

        class Redis:
            async def xadd(self, stream, fields, maxlen, approximate):
                added.append((stream, fields, maxlen, approximate))

        handle = once(lambda event: None, receipts=receipts_to(Redis(), prefix="desk:"))
        asyncio.run(handle(WRAPPED))
        stream, fields, maxlen, approximate = added[0]
        self.assertEqual((stream, maxlen, approximate), (f"desk:stream:{RECEIPT_TYPE}", 10_000, True))
        self.assertEqual(fields["event_type"], RECEIPT_TYPE)
        self.assertEqual(json.loads(fields["payload"]), {"decision_id": "d-1", "status": "APPLIED"})


class InEffect(unittest.TestCase):
    class Redis:
        def __init__(self, keys):
            self.keys = keys

        def get(self, key):
            return self.keys.get(key)

    class AsyncRedis(Redis):
        async def get(self, key):
            return self.keys.get(key)

    def test_a_document_that_is_gone_is_none(self):
        keys = {"quantum:federation:effective:main": b'{"mode": "PAUSED", "frozen": true}'}
        for redis in (self.Redis(keys), self.AsyncRedis(keys)):
            self.assertEqual(asyncio.run(effective(redis))["mode"], "PAUSED")
            self.assertIsNone(asyncio.run(effective(redis, "other")))


if __name__ == "__main__":
    unittest.main()
