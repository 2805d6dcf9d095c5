//! The rules of the cashflow, each from one snapshot alone; the first that holds is asked for.

use proto::decision::Priority;
use proto::event::Snapshot;
use proto::id::{Role, RuleId};
use proto::number::{Fraction, Usd};
use proto::proposal::{Ask, Fact, Proposal};
use proto::value::{Cashflow, Value};

use crate::policy::Policy;

/// Lock profit away in a drawdown.
pub const PRESERVE: RuleId = RuleId::new("cfo.preserve");
/// Build the reserve while cash is short.
pub const BUILD_RESERVE: RuleId = RuleId::new("cfo.build-reserve");
/// Reinvest a strong day's profit.
pub const STRONG_PROFIT: RuleId = RuleId::new("cfo.strong-profit");
/// Reinvest while cash lies idle.
pub const EXCESS_RESERVE: RuleId = RuleId::new("cfo.excess-reserve");

/// The first rule that holds.
pub(crate) fn first(policy: &Policy, seen: &Snapshot) -> Option<Proposal> {
    [preserve, build_reserve, strong_profit, excess_reserve].into_iter().find_map(|rule| rule(policy, seen))
}

/// No equity is the worst drawdown, whatever the producer makes of it.
fn preserve(policy: &Policy, seen: &Snapshot) -> Option<Proposal> {
    let at = &policy.preserve;
    let fact = Fact::at_most("total_equity", seen.total_equity, Usd::ZERO)
        .or_else(|| Fact::above("drawdown_pct", seen.drawdown_pct, at.drawdown_pct))?;
    Some(set(PRESERVE, Priority::High, at.cashflow, vec![fact]))
}

fn build_reserve(policy: &Policy, seen: &Snapshot) -> Option<Proposal> {
    let at = &policy.build_reserve;
    let fact = Fact::below("cash_pct", cash_pct(seen)?, at.cash_pct)?;
    Some(set(BUILD_RESERVE, Priority::High, at.cashflow, vec![fact]))
}

fn strong_profit(policy: &Policy, seen: &Snapshot) -> Option<Proposal> {
    let at = &policy.strong_profit;
    let profit_pct = seen.realized_pnl_today.share_of(seen.total_equity)?;
    let profit = Fact::above("profit_pct", profit_pct, at.profit_pct)?;
    let drawdown = Fact::below("drawdown_pct", seen.drawdown_pct, at.drawdown_pct)?;
    Some(set(STRONG_PROFIT, Priority::Normal, at.cashflow, vec![profit, drawdown]))
}

fn excess_reserve(policy: &Policy, seen: &Snapshot) -> Option<Proposal> {
    let at = &policy.excess_reserve;
    let fact = Fact::above("cash_pct", cash_pct(seen)?, at.cash_pct)?;
    Some(set(EXCESS_RESERVE, Priority::Normal, at.cashflow, vec![fact]))
}

/// Cash as a share of equity; none where cash was not sent.
fn cash_pct(seen: &Snapshot) -> Option<Fraction> {
    seen.cash_balance?.share_of(seen.total_equity)
}

fn set(rule: RuleId, priority: Priority, cashflow: Cashflow, facts: Vec<Fact>) -> Proposal {
    let ask = Ask::Set { value: Value::Cashflow(cashflow), duration: None };
    Proposal { author: Role::CFO.into(), rule, priority, ask, facts }
}

#[cfg(test)]
mod tests {
    use proto::testing::snapshot;

    use super::*;

    /// 10 000 USD with this drawdown, realised profit and cash.
    fn seen(drawdown_pct: f64, pnl: f64, cash: Option<f64>) -> Snapshot {
        Snapshot {
            drawdown_pct: Fraction::lit(drawdown_pct),
            realized_pnl_today: Usd::lit(pnl),
            cash_balance: cash.map(Usd::lit),
            ..snapshot()
        }
    }

    fn rule(seen: &Snapshot) -> Option<RuleId> {
        first(&Policy::default(), seen).map(|proposal| proposal.rule)
    }

    #[test]
    fn the_first_rule_that_holds_is_asked_for() {
        let table = [
            ("a calm snapshot", seen(0.03, 0.0, None), None),
            ("drawdown at the threshold", seen(0.05, 0.0, None), None),
            ("drawdown above it", seen(0.051, 0.0, None), Some(PRESERVE)),
            ("drawdown goes before short cash", seen(0.051, 0.0, Some(0.0)), Some(PRESERVE)),
            ("cash at the lower threshold", seen(0.01, 0.0, Some(500.0)), None),
            ("cash below it", seen(0.01, 0.0, Some(499.0)), Some(BUILD_RESERVE)),
            ("no cash at all is no cash unknown", seen(0.01, 0.0, Some(0.0)), Some(BUILD_RESERVE)),
            ("debt", seen(0.01, 0.0, Some(-50.0)), Some(BUILD_RESERVE)),
            ("short cash goes before profit", seen(0.01, 500.0, Some(499.0)), Some(BUILD_RESERVE)),
            ("profit at the threshold", seen(0.01, 200.0, None), None),
            ("profit above it", seen(0.01, 201.0, None), Some(STRONG_PROFIT)),
            ("profit in a drawdown", seen(0.02, 201.0, None), None),
            ("profit goes before idle cash", seen(0.01, 201.0, Some(5000.0)), Some(STRONG_PROFIT)),
            ("cash at the upper threshold", seen(0.01, 0.0, Some(1500.0)), None),
            ("cash above it", seen(0.01, 0.0, Some(1501.0)), Some(EXCESS_RESERVE)),
        ];
        for (name, seen, expected) in table {
            assert_eq!(rule(&seen), expected, "{name}");
        }
    }

    #[test]
    fn h29_reserves_come_from_reported_cash_and_unknown_cash_is_not_zero() {
        assert_eq!(rule(&seen(0.01, 0.0, None)), None);
        assert_eq!(rule(&seen(0.01, 0.0, Some(3000.0))), Some(EXCESS_RESERVE));
        let proposal = first(&Policy::default(), &seen(0.01, 0.0, Some(400.0))).unwrap();
        assert_eq!(proposal.reason(), "[cfo.build-reserve] cash_pct 4 % < 5 %");
    }

    #[test]
    fn no_equity_is_the_worst_case() {
        for equity in [0.0, -100.0] {
            let ruined = Snapshot { total_equity: Usd::lit(equity), ..seen(0.0, 500.0, Some(5000.0)) };
            assert_eq!(rule(&ruined), Some(PRESERVE), "{equity}");
        }
    }

    #[test]
    fn each_rule_asks_for_its_shares() {
        let table = [
            (seen(0.12, 0.0, None), Priority::High, [0.60, 0.25, 0.15]),
            (seen(0.01, 0.0, Some(0.0)), Priority::High, [0.20, 0.50, 0.30]),
            (seen(0.01, 300.0, None), Priority::Normal, [0.30, 0.60, 0.10]),
            (seen(0.01, 0.0, Some(2000.0)), Priority::Normal, [0.25, 0.70, 0.05]),
        ];
        for (seen, priority, [lock, reinvest, reserve]) in table {
            let proposal = first(&Policy::default(), &seen).unwrap();
            let cashflow = Cashflow {
                profit_lock_pct: Fraction::lit(lock),
                reinvest_pct: Fraction::lit(reinvest),
                reserve_buffer_pct: Fraction::lit(reserve),
            };
            assert_eq!(proposal.priority, priority);
            assert_eq!(proposal.ask, Ask::Set { value: Value::Cashflow(cashflow), duration: None });
        }
    }
}
