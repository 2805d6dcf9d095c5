//! Reads what an operator commands.

use proto::command::{Person, Rank, SomeLimits};
use proto::decision::Severity;
use proto::id::RuleId;

use crate::script::{Action, Wish};
use crate::words::Words;

/// `alice mode PAUSED for 30m`: who, what, and then for how long, releasing which causes, with whose approval.
pub(crate) fn command(words: &mut Words, rank: Rank) -> Result<Action, String> {
    let by = Person { name: words.word("who")?, rank };
    let order = order(words)?;
    let approver = |name| Person { name, rank: Rank::Approver };
    let approved_by = if words.takes("with") { Some(approver(words.word("with")?)) } else { None };
    Ok(Action::Command { by, approved_by, order })
}

fn order(words: &mut Words) -> Result<Wish, String> {
    match words.word("an order")?.as_str() {
        "mode" => {
            let mode = words.named("mode")?;
            Ok(Wish::Mode { mode, duration: words.period_after("for")?, releases: releases(words)? })
        }
        "limits" => {
            let limits = limits(words)?;
            Ok(Wish::Limits { limits, duration: words.period_after("for")?, releases: releases(words)? })
        }
        "freeze" => {
            let stated = words.takes("severity");
            let severity = if stated { words.named("severity")? } else { Severity::Critical };
            Ok(Wish::Freeze { severity, duration: words.period_after("for")? })
        }
        "release" => Ok(Wish::Release { cause: words.word("the cause of a hold")?.into() }),
        other => Err(format!("nobody knows the order {other:?}")),
    }
}

fn releases(words: &mut Words) -> Result<Vec<RuleId>, String> {
    let mut releases = Vec::new();
    while words.takes("releasing") {
        releases.push(words.word("the cause of a hold")?.into());
    }
    Ok(releases)
}

fn limits(words: &mut Words) -> Result<SomeLimits, String> {
    let mut limits = SomeLimits::default();
    loop {
        if words.takes("leverage") {
            limits.max_leverage = Some(words.ratio("leverage")?);
        } else if words.takes("position") {
            limits.max_position_size_usd = Some(words.usd("position")?);
        } else if words.takes("drawdown") {
            limits.max_drawdown_pct = Some(words.fraction("drawdown")?);
        } else if words.takes("exposure") {
            limits.max_exposure_pct = Some(words.fraction("exposure")?);
        } else if words.takes("stop-loss") {
            limits.stop_loss_multiplier = Some(words.ratio("stop-loss")?);
        } else {
            return Ok(limits);
        }
    }
}
