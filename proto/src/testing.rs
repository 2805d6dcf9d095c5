//! Builders for tests: the plainest event, snapshot, ledger; and a story that feeds events to one role.

pub mod any;
pub mod laws;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::case::{Case, Executive};
use crate::event::{Body, EssState, Event, Health, ModelPerformance, Snapshot, Source, SystemStatus};
use crate::id::{DecisionId, EventId, PolicyRevision, PortfolioId};
use crate::ledger::{Fired, Ledger};
use crate::number::{Fraction, Ratio, Usd};
use crate::proposal::{Ask, Proposal};
use crate::receipt::{Receipt, ReceiptStatus};
use crate::terms::Terms;
use crate::time::{Period, Time};
use crate::value::{Allocation, Cashflow, EssThresholds, Limits, Mode, Profile, Universe, Value, Values};
use crate::wire::Schema;

/// Where the stories begin: Monday 2026-01-05, 09:00 UTC.
pub const MONDAY: Time = Time::from_millis(1_767_603_600_000);

/// 09:00 UTC, this many days after [`MONDAY`].
pub const fn morning(days: i64) -> Time {
    MONDAY.after(Period::from_hours(24 * days))
}

/// What a portfolio begins with.
pub fn base() -> Values {
    let symbols = |names: &[&str]| names.iter().map(|name| format!("{name}USDT")).collect();
    Values {
        mode: Mode::Live,
        profile: Profile::Low,
        limits: Limits {
            max_leverage: Ratio::lit(10.0),
            max_position_size_usd: Usd::lit(10_000.0),
            max_drawdown_pct: Fraction::lit(0.08),
            max_exposure_pct: Fraction::lit(0.9),
            stop_loss_multiplier: Ratio::lit(1.0),
        },
        ess: EssThresholds {
            caution_threshold_pct: Fraction::lit(0.03),
            warning_threshold_pct: Fraction::lit(0.05),
            critical_threshold_pct: Fraction::lit(0.08),
        },
        symbols: Arc::new(Universe {
            active_symbols: symbols(&["BTC", "ETH", "BNB", "SOL", "ADA"]),
            excluded_symbols: symbols(&["DOT", "MATIC", "AVAX", "LINK", "UNI", "ATOM", "NEAR"]),
        }),
        cashflow: Cashflow {
            profit_lock_pct: Fraction::lit(0.3),
            reinvest_pct: Fraction::lit(0.6),
            reserve_buffer_pct: Fraction::lit(0.1),
        },
        allocation: Allocation::default().into(),
    }
}

/// The ledger of `main` before its first ruling.
pub fn ledger() -> Ledger {
    Ledger::begin(PortfolioId::main(), base())
}

/// Terms under which nothing is decided: for rulings that are only carried about.
pub fn terms() -> Terms {
    Terms {
        policy: PolicyRevision::of("test"),
        base: base(),
        profiles: BTreeMap::new(),
        seats: BTreeMap::new(),
        confirm: 3,
        confirm_over: Period::from_secs(60),
        cool_down: BTreeMap::new(),
        flap_budget: 6,
        suspect_jump_pct: Fraction::lit(0.3),
        suspect_confirm: 3,
        extend_before: Period::from_secs(60),
        due_retry: Period::from_secs(10),
        two_person: false,
    }
}

/// A quiet day: 10 000 USD, one position, 3 % below the peak, and nothing that is optional.
pub const fn snapshot() -> Snapshot {
    Snapshot {
        total_equity: Usd::lit(10_000.0),
        drawdown_pct: Fraction::lit(0.03),
        realized_pnl_today: Usd::ZERO,
        unrealized_pnl: Usd::ZERO,
        num_positions: 1,
        total_exposure_usd: Usd::lit(2000.0),
        max_drawdown_pct: None,
        win_rate_today: None,
        sharpe_ratio_7d: None,
        cash_balance: None,
        closed_trades_today: None,
        degraded: false,
        reported_at: None,
    }
}

/// The system's health.
pub const fn health(system_status: SystemStatus, ess_state: EssState) -> Health {
    Health { system_status, ess_state, unknown_words: Vec::new(), reported_at: None }
}

/// A model that was heard without any result.
pub fn model(name: &str) -> ModelPerformance {
    ModelPerformance {
        model_name: name.to_owned(),
        sharpe_ratio: None,
        win_rate: None,
        profit_factor: None,
        total_trades: None,
        days_since_training: None,
        reported_at: None,
    }
}

/// A receipt that says no more than it has to.
pub const fn receipt(decision_id: DecisionId, status: ReceiptStatus) -> Receipt {
    Receipt { decision_id, status, detail: None, effective: None, reported_at: None }
}

/// A fresh event of `main`; its id is derived from its time and kind.
pub fn event(at: Time, body: Body) -> Event {
    let id = EventId::derive(&["testing", &at.to_string(), body.kind().as_str()]);
    Event {
        schema: Schema::Event,
        id,
        portfolio: PortfolioId::main(),
        at,
        source: Source::Clock,
        trace_id: id.into(),
        correlation_id: id.to_string(),
        stale: false,
        body,
    }
}

/// One role and the events that it is told, one after another: keeps its memory and a ledger.
///
/// The court is not here: nothing is granted unless the test says so.
pub struct Story<X: Executive> {
    /// What the role goes by.
    pub policy: X::Policy,
    /// What is in force.
    pub ledger: Ledger,
    /// What the role remembers.
    pub memory: Option<X::Memory>,
}

impl<X: Executive> Default for Story<X> {
    fn default() -> Self {
        Self { policy: X::Policy::default(), ledger: ledger(), memory: None }
    }
}

impl<X: Executive> Story<X> {
    /// What the role proposes on this; its memory and the ledger's clock move on.
    pub fn tell(&mut self, at: Time, body: Body) -> Vec<Proposal> {
        let case = Case {
            event: event(at, body),
            ledger: self.ledger.clone(),
            base: base(),
            memory: self.memory.take(),
        };
        let verdict = X::evaluate(&self.policy, &case);
        self.memory = Some(verdict.memory);
        self.ledger.at = self.ledger.at.max(at);
        verdict.proposals
    }

    /// [`Story::tell`], and then grants all of it.
    pub fn tell_and_grant(&mut self, at: Time, body: Body) -> Vec<Proposal> {
        let proposals = self.tell(at, body);
        self.grant(&proposals);
        proposals
    }

    /// Puts what one verdict asks for in force, at the ledger's time: values (the tightest of a kind) and research.
    pub fn grant(&mut self, proposals: &[Proposal]) {
        for proposal in proposals {
            let moves = match &proposal.ask {
                Ask::Set { value, .. } => self.set(value, proposals),
                Ask::Research { task } => {
                    self.ledger.research.insert(task.subject(), self.ledger.at);
                    true
                }
                Ask::Freeze { .. } | Ask::Hold { .. } | Ask::Clear { .. } | Ask::Release { .. } => false,
            };
            if moves {
                let fired = Fired { at: self.ledger.at, facts: proposal.facts.clone() };
                self.ledger.fired.insert(proposal.rule.clone(), fired);
            }
        }
    }

    fn set(&mut self, value: &Value, rivals: &[Proposal]) -> bool {
        let outdone = rivals.iter().any(|rival| match &rival.ask {
            Ask::Set { value: other, .. } => other.kind() == value.kind() && other.is_tighter_than(value),
            Ask::Freeze { .. }
            | Ask::Hold { .. }
            | Ask::Clear { .. }
            | Ask::Research { .. }
            | Ask::Release { .. } => false,
        });
        let moves = !outdone && self.ledger.owned.get(value.kind()) != *value;
        if moves {
            self.ledger.owned.set(value.clone());
            self.ledger.effective.set(value.clone());
        }
        moves
    }
}
