"""The backend's side of the integration guide, run on decisions as they stand in Redis.

Standard input: one JSON object a line, the fields of an entry of quantum:stream:ai.federation.decision_made.
Standard output: one JSON object a line: the calls that the guide's handler made for it, in order, and the receipts that the client
package told of it.

`handle_federation_decision` is the handler that every user was told to copy; it must work as it is printed there. Only the
backend behind it is replaced, by one that writes down what it is asked.
"""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "gateway/client"))

from federation_client import once


class Recorder:
    """Stands for one object of the backend; every call on it is written down, and None is never a value to store."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def __getattr__(self, method):
        async def call(*args, **kwargs):
            if method == "set" and args[1] is None:
                raise ValueError(f"{self.name}.set({args[0]!r}, None)")
            self.calls.append([f"{self.name}.{method}", list(args), kwargs])

        return call


class Logger:
    """A structured logger as the guide uses it: a text, and values by name."""

    def __init__(self, calls):
        self.calls = calls

    def _log(self, text, **values):
        self.calls.append(["logger", [text], values])

    info = warning = critical = _log


calls = []
policy_store = Recorder("policy_store", calls)
trading_engine = Recorder("trading_engine", calls)
ess_service = Recorder("ess_service", calls)
ai_engine = Recorder("ai_engine", calls)
logger = Logger(calls)


async def handle_federation_decision(event: dict):
    """Handle Federation AI decisions"""

    decision = event["data"]
    decision_type = decision["decision_type"]
    payload = decision["payload"]

    if decision_type == "MODE_CHANGE":
        # Update trading mode
        mode = payload["mode"]
        logger.info(f"Federation: Trading mode changed to {mode}")

        if mode == "EMERGENCY":
            await trading_engine.emergency_stop()
        elif mode == "PAUSED":
            await trading_engine.pause(duration_minutes=payload.get("duration_minutes"))
        elif mode == "SHADOW":
            await trading_engine.set_shadow_mode()
        elif mode == "LIVE":
            await trading_engine.set_live_mode()

    elif decision_type == "CAPITAL_PROFILE":
        # Update capital profile in PolicyStore
        profile = payload["profile"]
        await policy_store.set("capital_profile", profile)
        await policy_store.set("max_risk_per_trade_pct", payload["max_risk_per_trade_pct"])
        await policy_store.set("max_daily_risk_pct", payload["max_daily_risk_pct"])
        await policy_store.set("max_positions", payload["max_positions"])
        logger.info(f"Federation: Capital profile changed to {profile}")

    elif decision_type == "RISK_ADJUSTMENT":
        # Update risk limits
        await policy_store.set("max_leverage", payload.get("max_leverage"))
        await policy_store.set("max_position_size_usd", payload.get("max_position_size_usd"))
        await policy_store.set("max_drawdown_pct", payload.get("max_drawdown_pct"))
        await policy_store.set("max_exposure_pct", payload.get("max_exposure_pct"))
        await policy_store.set("stop_loss_multiplier", payload.get("stop_loss_multiplier"))
        logger.info(f"Federation: Risk limits updated")

    elif decision_type == "ESS_POLICY":
        # Update ESS thresholds
        await ess_service.update_thresholds(
            caution=payload["caution_threshold_pct"],
            warning=payload["warning_threshold_pct"],
            critical=payload["critical_threshold_pct"]
        )
        logger.info(f"Federation: ESS thresholds updated")

    elif decision_type == "STRATEGY_ALLOCATION":
        # Update model weights in AI Engine
        weights = payload["model_weights"]
        await ai_engine.set_model_weights(weights)
        logger.info(f"Federation: Strategy allocation updated: {weights}")

    elif decision_type == "SYMBOL_UNIVERSE":
        # Update active symbols
        active_symbols = payload["active_symbols"]
        await policy_store.set("active_symbols", active_symbols)
        logger.info(f"Federation: Active symbols: {active_symbols}")

    elif decision_type == "CASHFLOW":
        # Update cashflow policy
        await policy_store.set("profit_lock_pct", payload["profit_lock_pct"])
        await policy_store.set("reinvest_pct", payload["reinvest_pct"])
        await policy_store.set("reserve_buffer_pct", payload["reserve_buffer_pct"])
        logger.info(f"Federation: Cashflow policy updated")

    elif decision_type == "FREEZE":
        # Emergency freeze
        duration = payload.get("duration_minutes", 0)
        severity = payload.get("severity")
        reason = payload.get("reason")

        logger.critical(f"Federation FREEZE: {reason} (severity: {severity})")

        if duration == 0:
            # Indefinite freeze
            await trading_engine.freeze_indefinite(reason=reason)
        else:
            await trading_engine.freeze(duration_minutes=duration, reason=reason)

    elif decision_type == "RESEARCH_TASK":
        # Log research task (could trigger AutoML pipeline)
        logger.info(
            f"Federation Research Task: {payload['task_type']}",
            description=payload["description"],
            impact=payload.get("expected_impact")
        )

    elif decision_type == "OVERRIDE":
        # Log override (informational)
        logger.warning(
            f"Federation Override: {payload['reason']}",
            overridden_decision=payload["overridden_decision_id"]
        )


def main():
    receipts = []
    handle_once = once(handle_federation_decision, receipts=receipts.append)
    for line in sys.stdin:
        entry = json.loads(line)
        asyncio.run(handle_federation_decision(json.loads(entry["payload"])))
        direct = list(calls)
        calls.clear()
        # Through the client package it is the same, once, from a bus that decodes nothing and from one that decodes.
        for shape in ({key.encode(): value.encode() for key, value in entry.items()}, entry):
            asyncio.run(handle_once(shape))
        assert calls == direct, (calls, direct)
        print(json.dumps({"calls": calls, "receipts": receipts}), flush=True)
        calls.clear()
        receipts.clear()


if __name__ == "__main__":
    main()
