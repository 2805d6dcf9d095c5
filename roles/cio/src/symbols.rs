//! Symbols: fewer at once when it goes badly, more when it goes well.

use std::sync::Arc;

use proto::decision::Priority;
use proto::event::Snapshot;
use proto::id::{Role, RuleId};
use proto::proposal::{Ask, Fact, Proposal};
use proto::value::{Universe, Value};

use crate::policy::Policy;

/// Only the first few symbols stay.
pub const CONTRACT: RuleId = RuleId::new("cio.contract");
/// More symbols come in.
pub const EXPAND: RuleId = RuleId::new("cio.expand");

/// What the rules of the symbols ask for.
pub(crate) fn proposals(policy: &Policy, seen: &Snapshot, owned: &Arc<Universe>) -> Vec<Proposal> {
    [contract, expand].into_iter().filter_map(|rule| rule(policy, seen, owned)).collect()
}

fn contract(policy: &Policy, seen: &Snapshot, owned: &Arc<Universe>) -> Option<Proposal> {
    let at = &policy.contract;
    let drawdown = Fact::above("drawdown_pct", seen.drawdown_pct, at.drawdown_pct);
    let win_rate = seen
        .win_rate(policy.min_closed_trades)
        .and_then(|rate| Fact::below("win_rate_today", rate, at.win_rate));
    let facts: Vec<Fact> = drawdown.into_iter().chain(win_rate).collect();
    if facts.is_empty() {
        return None;
    }
    let wanted = at_most(&policy.universe, at.symbols as usize, owned);
    Some(set(CONTRACT, Priority::High, wanted, facts))
}

fn expand(policy: &Policy, seen: &Snapshot, owned: &Arc<Universe>) -> Option<Proposal> {
    let at = &policy.expand;
    let drawdown = Fact::below("drawdown_pct", seen.drawdown_pct, at.drawdown_pct)?;
    let win_rate = Fact::above("win_rate_today", seen.win_rate(policy.min_closed_trades)?, at.win_rate)?;
    let positions = Fact::below("num_positions", seen.num_positions, at.positions)?;
    let wanted = at_least(&policy.universe, at.symbols as usize, owned)?;
    Some(set(EXPAND, Priority::Normal, Arc::new(wanted), vec![drawdown, win_rate, positions]))
}

/// The first symbols, as far as they are active now: contracting never brings one back. Where none of them is active,
/// the first of those that are.
fn at_most(universe: &[String], count: usize, owned: &Arc<Universe>) -> Arc<Universe> {
    let (active, excluded) = first(universe, count);
    if active.iter().any(|symbol| owned.active_symbols.contains(symbol)) {
        owned.narrowed_to(active, excluded)
    } else {
        let (active, excluded) = first(&owned.active_symbols, count);
        owned.narrowed_to(active, excluded)
    }
}

/// The first symbols, and whatever else is active now: expanding never drops one. None when nothing would come in.
fn at_least(universe: &[String], count: usize, owned: &Universe) -> Option<Universe> {
    let (active, excluded) = first(universe, count);
    let has_all = || active.iter().all(|symbol| owned.active_symbols.contains(symbol));
    // Mostly they come first there, in the same order.
    if owned.active_symbols.starts_with(active) || has_all() {
        return None;
    }
    let mut active_symbols = active.to_vec();
    for symbol in &owned.active_symbols {
        if !active_symbols.contains(symbol) {
            active_symbols.push(symbol.clone());
        }
    }
    let left_out = excluded.iter().filter(|symbol| !active_symbols.contains(symbol));
    let excluded_symbols = left_out.cloned().collect();
    Some(Universe { active_symbols, excluded_symbols })
}

/// The first symbols of a list, and the others.
fn first(symbols: &[String], count: usize) -> (&[String], &[String]) {
    symbols.split_at(count.min(symbols.len()))
}

fn set(rule: RuleId, priority: Priority, universe: Arc<Universe>, facts: Vec<Fact>) -> Proposal {
    let ask = Ask::Set { value: Value::Symbols(universe), duration: None };
    Proposal { author: Role::CIO.into(), rule, priority, ask, facts }
}

#[cfg(test)]
mod tests {
    use proto::number::Fraction;
    use proto::testing::{base, snapshot};

    use super::*;

    fn seen(drawdown_pct: f64, win_rate: Option<f64>, num_positions: u32) -> Snapshot {
        Snapshot {
            drawdown_pct: Fraction::lit(drawdown_pct),
            win_rate_today: win_rate.map(Fraction::lit),
            num_positions,
            ..snapshot()
        }
    }

    fn active(symbols: &[&str]) -> Arc<Universe> {
        let all = Policy::default().universe;
        let (active_symbols, excluded_symbols) =
            all.into_iter().partition(|symbol| symbols.iter().any(|name| *symbol == format!("{name}USDT")));
        Universe { active_symbols, excluded_symbols }.into()
    }

    /// The rule that fired and how many symbols would be active, from the five at start.
    fn asked(seen: &Snapshot) -> Vec<(RuleId, usize)> {
        let proposals = proposals(&Policy::default(), seen, &base().symbols);
        let symbols = |proposal: &Proposal| {
            let Ask::Set { value: Value::Symbols(universe), .. } = &proposal.ask else {
                panic!("{proposal:?}")
            };
            assert_eq!(universe.active_symbols.len() + universe.excluded_symbols.len(), 12);
            universe.active_symbols.len()
        };
        proposals.iter().map(|proposal| (proposal.rule.clone(), symbols(proposal))).collect()
    }

    #[test]
    fn symbols_follow_drawdown_and_win_rate() {
        let table = [
            ("a calm day", seen(0.03, Some(0.5), 1), vec![]),
            ("drawdown at the threshold", seen(0.05, None, 1), vec![]),
            ("drawdown above it", seen(0.051, None, 1), vec![(CONTRACT, 3)]),
            ("win rate at the threshold", seen(0.03, Some(0.45), 1), vec![]),
            ("win rate below it", seen(0.03, Some(0.449), 1), vec![(CONTRACT, 3)]),
            ("all is well", seen(0.019, Some(0.61), 7), vec![(EXPAND, 8)]),
            ("drawdown no longer small", seen(0.02, Some(0.61), 7), vec![]),
            ("win rate not high enough", seen(0.019, Some(0.60), 7), vec![]),
            ("win rate not sent", seen(0.019, None, 7), vec![]),
            ("many positions", seen(0.019, Some(0.61), 8), vec![]),
        ];
        for (name, seen, expected) in table {
            assert_eq!(asked(&seen), expected, "{name}");
        }
    }

    #[test]
    fn h22_no_trade_is_no_lost_trade() {
        assert_eq!(asked(&seen(0.03, Some(0.0), 1)), []);
        let few = Snapshot { closed_trades_today: Some(4), ..seen(0.03, Some(0.25), 1) };
        assert_eq!(asked(&few), []);
        let enough = Snapshot { closed_trades_today: Some(5), ..seen(0.03, Some(0.0), 1) };
        assert_eq!(asked(&enough), [(CONTRACT, 3)]);
    }

    #[test]
    fn h31_dropped_symbols_are_excluded_to_be_reduced() {
        let contracted = at_most(&Policy::default().universe, 3, &base().symbols);
        assert_eq!(contracted.active_symbols, ["BTCUSDT", "ETHUSDT", "BNBUSDT"]);
        for dropped in ["SOLUSDT", "ADAUSDT"] {
            assert!(contracted.excluded_symbols.iter().any(|symbol| symbol == dropped), "{dropped}");
        }
    }

    #[test]
    fn contracting_never_brings_a_symbol_back_and_never_leaves_none() {
        let universe = Policy::default().universe;
        let table: [(&[&str], &[&str]); 4] = [
            (&["BTC"], &["BTC"]),
            (&["ETH", "SOL", "ADA", "DOT"], &["ETH"]),
            (&["SOL", "ADA"], &["SOL", "ADA"]),
            (&["SOL", "ADA", "DOT", "UNI"], &["SOL", "ADA", "DOT"]),
        ];
        for (owned, expected) in table {
            assert_eq!(at_most(&universe, 3, &active(owned)).active_symbols, active(expected).active_symbols);
        }
    }

    #[test]
    fn expanding_never_drops_a_symbol() {
        let universe = Policy::default().universe;
        let more = at_least(&universe, 3, &active(&["BTC", "UNI"])).unwrap();
        assert_eq!(more.active_symbols, ["BTCUSDT", "ETHUSDT", "BNBUSDT", "UNIUSDT"]);
        assert!(!more.excluded_symbols.contains(&"UNIUSDT".to_owned()));
        assert_eq!(at_least(&universe, 3, &active(&["BTC", "ETH", "BNB", "UNI"])), None);
    }

    #[test]
    fn the_reason_names_what_was_seen() {
        let proposals = proposals(&Policy::default(), &seen(0.06, Some(0.4), 1), &base().symbols);
        assert_eq!(
            proposals[0].reason(),
            "[cio.contract] drawdown_pct 6 % > 5 %; win_rate_today 40 % < 45 %"
        );
    }
}
