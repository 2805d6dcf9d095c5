//! What the arbiter counts and measures. Every name stands here and nowhere else.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use mesh::admin::Admin;
use mesh::metric::READER_RESTARTS;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use proto::id::PortfolioId;
use proto::ruling::{Absence, Finding, Heard, Ruling};

/// The metrics of one arbiter.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    rounds: Family<ByEvent, Counter>,
    round_seconds: Histogram,
    event_to_ruling_seconds: Histogram,
    answers: Family<ByAnswer, Counter>,
    answer_seconds: Family<ByRole, Histogram>,
    circuits_open: Family<ByRole, Gauge>,
    decisions: Family<ByDecision, Counter>,
    refusals: Family<ByRefusal, Counter>,
    conflicts: Family<ByRole, Counter>,
    holds: Family<ByPortfolio, Gauge>,
    frozen: Family<ByPortfolio, Gauge>,
    halted: Family<ByPortfolio, Gauge>,
    mode: Family<ByMode, Gauge>,
    profile: Family<ByProfile, Gauge>,
    slot_in_hand: Family<BySlot, Gauge>,
    slot_lag: Family<BySlot, Gauge<i64, AtomicI64>>,
    duplicates: Counter,
    unreadable: Counter,
    lost: Counter,
    unclear: Counter,
    void: Family<BySlot, Gauge>,
    reader_restarts: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEvent {
    event: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRole {
    role: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAnswer {
    role: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDecision {
    decision_type: &'static str,
    role: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRefusal {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPortfolio {
    portfolio: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMode {
    portfolio: String,
    mode: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByProfile {
    portfolio: String,
    profile: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySlot {
    slot: u16,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            rounds: Family::default(),
            round_seconds: mesh::metric::seconds(),
            event_to_ruling_seconds: mesh::metric::seconds(),
            answers: Family::default(),
            answer_seconds: Family::new_with_constructor(mesh::metric::seconds),
            circuits_open: Family::default(),
            decisions: Family::default(),
            refusals: Family::default(),
            conflicts: Family::default(),
            holds: Family::default(),
            frozen: Family::default(),
            halted: Family::default(),
            mode: Family::default(),
            profile: Family::default(),
            slot_in_hand: Family::default(),
            slot_lag: Family::default(),
            duplicates: Counter::default(),
            unreadable: Counter::default(),
            lost: Counter::default(),
            unclear: Counter::default(),
            void: Family::default(),
            reader_restarts: Counter::default(),
        }
    }
}

impl Inner {
    fn register_rounds(&self, to: &mut Registry) {
        to.register("fed_rounds", "Events ruled, by type", self.rounds.clone());
        let round = self.round_seconds.clone();
        to.register("fed_round_seconds", "From asking the roles to the ruling appended", round);
        let event = self.event_to_ruling_seconds.clone();
        to.register("fed_event_to_ruling_seconds", "From the event's time to its ruling appended", event);
        to.register("fed_role_answers", "Answers of roles, by outcome", self.answers.clone());
        let answers = self.answer_seconds.clone();
        to.register("fed_role_answer_seconds", "How long roles took to answer", answers);
        let circuits = self.circuits_open.clone();
        to.register(
            "fed_role_circuit_open",
            "1 while a role is not asked: it did not answer in time",
            circuits,
        );
        to.register("fed_decisions", "Decisions, by type and role", self.decisions.clone());
        to.register("fed_refusals", "Proposals not taken, by reason", self.refusals.clone());
        let conflicts = self.conflicts.clone();
        to.register("fed_conflicts", "Refusals because a senior role stood against it", conflicts);
    }

    fn register_standing(&self, to: &mut Registry) {
        to.register("fed_holds", "Standing holds", self.holds.clone());
        to.register("fed_frozen", "1 while trading is frozen", self.frozen.clone());
        to.register("fed_portfolio_halted", "1 while nobody can rule on it", self.halted.clone());
        to.register("fed_mode", "1 for the mode in effect", self.mode.clone());
        to.register("fed_profile", "1 for the capital profile in effect", self.profile.clone());
    }

    fn register_work(&self, to: &mut Registry) {
        to.register("fed_slot_events_in_hand", "Events read and not yet ruled", self.slot_in_hand.clone());
        to.register(
            "fed_slot_lag_events",
            "Events in EVENTS behind the one read last",
            self.slot_lag.clone(),
        );
        to.register("fed_duplicate_events", "Events that the ledger knew", self.duplicates.clone());
        to.register("fed_unreadable_events", "Messages in EVENTS that are no event", self.unreadable.clone());
        to.register("fed_lost_appends", "Rulings that another arbiter had already given", self.lost.clone());
        to.register("fed_unclear_appends", "Appends whose answer had to be looked up", self.unclear.clone());
        to.register(
            "fed_void_rulings",
            "Void rulings retained when the slot was taken up",
            self.void.clone(),
        );
        let restarts = self.reader_restarts.clone();
        to.register(READER_RESTARTS, "Times that reading EVENTS had to begin anew", restarts);
    }
}

impl Metrics {
    /// Metrics that `admin` shows.
    pub(crate) fn registered(admin: &Admin) -> Self {
        let metrics = Self::default();
        admin.register(|to| {
            metrics.inner.register_rounds(to);
            metrics.inner.register_standing(to);
            metrics.inner.register_work(to);
        });
        metrics
    }

    /// Counts how often reading has to begin anew.
    pub(crate) fn reader_restarts(&self) -> &Counter {
        &self.inner.reader_restarts
    }

    /// Nobody can rule on a portfolio.
    pub(crate) fn halted(&self, portfolio: &PortfolioId) {
        self.inner.halted.get_or_create(&ByPortfolio { portfolio: portfolio.to_string() }).set(1);
    }

    /// How many of a slot's retained rulings do not count.
    pub(crate) fn void(&self, slot: u16, rulings: u64) {
        self.inner.void.get_or_create(&BySlot { slot }).set(i64::try_from(rulings).unwrap_or(i64::MAX));
    }

    /// How long it took until a role had answered, or was known not to.
    pub(crate) fn took(&self, role: &str, seconds: f64) {
        self.inner.answer_seconds.get_or_create(&ByRole { role: role.to_owned() }).observe(seconds);
    }

    /// A role answered, or did not.
    pub(crate) fn answered(&self, role: &str, heard: &Heard) {
        let outcome = match heard {
            Heard::Verdict { .. } => "verdict",
            Heard::Absent { why } => absence(why),
        };
        self.inner.answers.get_or_create(&ByAnswer { role: role.to_owned(), outcome }).inc();
    }

    /// A ruling was appended.
    pub(crate) fn ruled(&self, ruling: &Ruling, round_seconds: f64, since_event_seconds: f64) {
        let inner = &self.inner;
        inner.rounds.get_or_create(&ByEvent { event: ruling.event.kind().as_str() }).inc();
        inner.round_seconds.observe(round_seconds);
        inner.event_to_ruling_seconds.observe(since_event_seconds);
        for decision in &ruling.decisions {
            let decision_type = decision.decision_type().as_str();
            let role = decision.role_source.to_string();
            inner.decisions.get_or_create(&ByDecision { decision_type, role }).inc();
        }
        for outcome in &ruling.outcomes {
            let Finding::Refused { refusal } = &outcome.result else { continue };
            inner.refusals.get_or_create(&ByRefusal { reason: refusal.as_str() }).inc();
            if refusal.is_conflict() {
                inner.conflicts.get_or_create(&ByRole { role: outcome.proposal.author.to_string() }).inc();
            }
        }
        self.stands(&ruling.after);
    }

    /// What stands for a portfolio.
    pub(crate) fn stands(&self, ledger: &proto::ledger::Ledger) {
        use proto::value::{Mode, Profile};
        let inner = &self.inner;
        let portfolio = ledger.portfolio.to_string();
        let of = ByPortfolio { portfolio: portfolio.clone() };
        inner.holds.get_or_create(&of).set(i64::try_from(ledger.holds.len()).unwrap_or(i64::MAX));
        inner.frozen.get_or_create(&of).set(i64::from(ledger.freeze.is_some()));
        for mode in Mode::ALL {
            let of = ByMode { portfolio: portfolio.clone(), mode: mode.as_str() };
            inner.mode.get_or_create(&of).set(i64::from(ledger.effective.mode == mode));
        }
        for profile in Profile::ALL {
            let of = ByProfile { portfolio: portfolio.clone(), profile: profile.as_str() };
            inner.profile.get_or_create(&of).set(i64::from(ledger.effective.profile == profile));
        }
    }

    /// How a slot's reader stands.
    pub(crate) fn read(&self, slot: u16, in_hand: usize, behind: u64) {
        let of = BySlot { slot };
        self.inner.slot_in_hand.get_or_create(&of).set(i64::try_from(in_hand).unwrap_or(i64::MAX));
        self.inner.slot_lag.get_or_create(&of).set(i64::try_from(behind).unwrap_or(i64::MAX));
    }

    /// A slot went to another arbiter, with its portfolios.
    pub(crate) fn left<'a>(&self, slot: u16, portfolios: impl Iterator<Item = &'a PortfolioId>) {
        use proto::value::{Mode, Profile};
        let inner = &self.inner;
        inner.slot_in_hand.remove(&BySlot { slot });
        inner.slot_lag.remove(&BySlot { slot });
        inner.void.remove(&BySlot { slot });
        for portfolio in portfolios.map(PortfolioId::to_string) {
            inner.holds.remove(&ByPortfolio { portfolio: portfolio.clone() });
            inner.frozen.remove(&ByPortfolio { portfolio: portfolio.clone() });
            inner.halted.remove(&ByPortfolio { portfolio: portfolio.clone() });
            for mode in Mode::ALL {
                inner.mode.remove(&ByMode { portfolio: portfolio.clone(), mode: mode.as_str() });
            }
            for profile in Profile::ALL {
                inner.profile.remove(&ByProfile { portfolio: portfolio.clone(), profile: profile.as_str() });
            }
        }
    }

    /// A role's circuit opened or closed.
    pub(crate) fn circuit(&self, role: &str, is_open: bool) {
        let of = ByRole { role: role.to_owned() };
        self.inner.circuits_open.get_or_create(&of).set(i64::from(is_open));
    }

    /// An event that the ledger knew.
    pub(crate) fn duplicate(&self) {
        self.inner.duplicates.inc();
    }

    /// A message in EVENTS that is no event.
    pub(crate) fn unreadable(&self) {
        self.inner.unreadable.inc();
    }

    /// A ruling that another arbiter had already given.
    pub(crate) fn lost(&self) {
        self.inner.lost.inc();
    }

    /// An append whose answer had to be looked up.
    pub(crate) fn unclear(&self) {
        self.inner.unclear.inc();
    }
}

const fn absence(why: &Absence) -> &'static str {
    match why {
        Absence::Disabled => "disabled",
        Absence::NoResponders => "no-responders",
        Absence::Timeout => "timeout",
        Absence::CircuitOpen => "circuit-open",
        Absence::Invalid { .. } => "invalid",
    }
}
