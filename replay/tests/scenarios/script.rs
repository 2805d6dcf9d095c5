//! Scripts as they are written: what happens when, and what is expected.

use proto::command::{Person, Rank, SomeLimits};
use proto::decision::Severity;
use proto::event::{Body, EssState, Health, ModelPerformance, Snapshot, SystemStatus};
use proto::id::{Role, RuleId};
use proto::number::Usd;
use proto::ruling::Absence;
use proto::testing::{MONDAY, health, model, snapshot};
use proto::time::{Period, Time};
use proto::value::Mode;

use crate::words::Words;

/// A script.
pub(crate) struct Script {
    /// TOML.
    pub(crate) policy: String,
    pub(crate) steps: Vec<Step>,
}

/// Something that happens, and what is expected to follow from it.
pub(crate) struct Step {
    pub(crate) line: usize,
    /// As it is written.
    pub(crate) text: String,
    pub(crate) at: Time,
    pub(crate) action: Action,
    pub(crate) expected: Vec<(usize, Expected)>,
}

/// What happens.
#[derive(Clone)]
pub(crate) enum Action {
    /// An entry of the backend.
    Told { body: Body, stale: bool },
    /// The last few entries come again, in their order, with later times.
    Again { last: usize, times: u32, every: Period },
    /// The entry before comes once more as it was.
    Duplicate,
    /// An operator commands.
    Command { by: Person, approved_by: Option<Person>, order: Wish },
    /// A role does not answer from now on.
    Absent { role: Role, why: Absence },
    /// It answers again.
    Present { role: Role },
    /// Time passes.
    Wait,
}

/// An order that names holds by their cause.
#[derive(Clone)]
pub(crate) enum Wish {
    Mode { mode: Mode, duration: Option<Period>, releases: Vec<RuleId> },
    Limits { limits: SomeLimits, duration: Option<Period>, releases: Vec<RuleId> },
    Freeze { severity: Severity, duration: Option<Period> },
    Release { cause: RuleId },
}

/// What is expected.
pub(crate) enum Expected {
    /// A decision; those of a step are all of them, in order.
    Decision { what: String, rule: String, fields: Vec<(String, String)> },
    /// A proposal of this rule is refused for this reason.
    Refused { rule: String, why: String },
    /// A proposal of this rule changes nothing.
    Unchanged { rule: String },
    /// Exactly the holds of these causes stand afterwards.
    Holds { causes: Vec<String> },
}

impl Script {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader { now: MONDAY, usual: usual(), policy: String::new(), steps: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            reader.line(number, line).map_err(|wrong| format!("{number}: {wrong}"))?;
        }
        Ok(Self { policy: reader.policy, steps: reader.steps })
    }
}

/// What a snapshot says where the script says nothing: nothing is wrong.
fn usual() -> Snapshot {
    Snapshot { drawdown_pct: proto::number::Fraction::ZERO, ..snapshot() }
}

struct Reader {
    now: Time,
    usual: Snapshot,
    policy: String,
    steps: Vec<Step>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some(policy) = line.strip_prefix('|') {
            self.policy.push_str(policy.trim());
            self.policy.push('\n');
            return Ok(());
        }
        let code = line.split('#').next().unwrap_or_default();
        let mut words = Words::of(code);
        if words.peek().is_none() {
            return Ok(());
        }
        if code.starts_with(' ') {
            let expected = expected(&mut words)?;
            words.end()?;
            let step = self.steps.last_mut().ok_or("an expectation before anything happened")?;
            step.expected.push((number, expected));
            return Ok(());
        }
        if words.takes("usual") {
            self.usual = read_snapshot(&mut words, &self.usual)?;
            return Ok(());
        }
        self.now = when(&mut words, self.now)?;
        let action = self.action(&mut words)?;
        words.end()?;
        let text = code.trim().to_owned();
        let at = self.now;
        self.now = at.after(lasts(&action));
        self.steps.push(Step { line: number, text, at, action, expected: Vec::new() });
        Ok(())
    }

    fn action(&self, words: &mut Words) -> Result<Action, String> {
        let stale = words.takes("stale");
        let verb = words.word("what happens")?;
        let told = |body| Action::Told { body, stale };
        Ok(match verb.as_str() {
            "snapshot" => told(Body::Snapshot(read_snapshot(words, &self.usual)?)),
            "health" => told(Body::Health(read_health(words)?)),
            "model" => told(Body::Model(read_model(words)?)),
            "again" => {
                let last = if words.takes("last") { words.parsed("how many")? } else { 1 };
                let times = if words.takes("times") { words.parsed("how often")? } else { 1 };
                let every = if words.takes("every") { words.period("how often")? } else { Period::ZERO };
                Action::Again { last, times, every }
            }
            "duplicate" => Action::Duplicate,
            "wait" => Action::Wait,
            "absent" => Action::Absent { role: words.parsed("role")?, why: read_absence(words)? },
            "present" => Action::Present { role: words.parsed("role")? },
            "viewer" => command(words, Rank::Viewer)?,
            "operator" => command(words, Rank::Operator)?,
            "approver" => command(words, Rank::Approver)?,
            other => return Err(format!("nobody knows what {other:?} is")),
        })
    }
}

/// How long it is from a step's first event to its last.
fn lasts(action: &Action) -> Period {
    match action {
        Action::Again { last, times, every } => {
            let gaps = i64::try_from(*last).unwrap_or(0) * i64::from(*times) - 1;
            Period::from_millis(every.as_millis() * gaps)
        }
        Action::Told { .. }
        | Action::Duplicate
        | Action::Command { .. }
        | Action::Absent { .. }
        | Action::Present { .. }
        | Action::Wait => Period::ZERO,
    }
}

/// `09:00`, `09:00:05`, `day 2 09:00`, `+5s`.
fn when(words: &mut Words, now: Time) -> Result<Time, String> {
    let midnight = MONDAY.before(Period::from_hours(9));
    let today = now.day().0 - midnight.day().0;
    let days = if words.takes("day") { words.parsed::<i64>("day")? - 1 } else { today };
    let word = words.word("a time")?;
    if let Some(later) = word.strip_prefix('+') {
        return later.parse().map(|period| now.after(period)).map_err(|wrong| format!("{wrong}"));
    }
    let mut parts = word.split(':').map(str::parse::<i64>);
    let [hours, minutes, seconds] = [parts.next(), parts.next(), parts.next().or(Some(Ok(0)))];
    let (Some(Ok(hours)), Some(Ok(minutes)), Some(Ok(seconds))) = (hours, minutes, seconds) else {
        return Err(format!("{word:?} is no time such as 09:00 or +5s"));
    };
    let at = midnight.after(Period::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds));
    if at < now { Err(format!("{word} is before the step before")) } else { Ok(at) }
}

fn read_snapshot(words: &mut Words, usual: &Snapshot) -> Result<Snapshot, String> {
    let mut seen = usual.clone();
    while let Some(field) = words.next() {
        match field.as_str() {
            "equity" => seen.total_equity = words.usd(&field)?,
            "drawdown" => seen.drawdown_pct = words.fraction(&field)?,
            "pnl" => seen.realized_pnl_today = words.usd(&field)?,
            "unrealized" => seen.unrealized_pnl = words.usd(&field)?,
            "positions" => seen.num_positions = words.parsed(&field)?,
            "exposure" => seen.total_exposure_usd = words.usd(&field)?,
            "max-drawdown" => seen.max_drawdown_pct = Some(words.fraction(&field)?),
            "win-rate" => seen.win_rate_today = Some(words.fraction(&field)?),
            "sharpe" => seen.sharpe_ratio_7d = Some(words.ratio(&field)?),
            "cash" => seen.cash_balance = Some(words.usd(&field)?),
            "closed" => seen.closed_trades_today = Some(words.parsed(&field)?),
            other => return Err(format!("a snapshot has no {other:?}")),
        }
    }
    if seen.num_positions == 0 {
        seen.total_exposure_usd = Usd::ZERO;
    }
    Ok(seen)
}

fn read_health(words: &mut Words) -> Result<Health, String> {
    let status: SystemStatus = words.named("system status")?;
    let ess: EssState = words.named("ESS state")?;
    Ok(health(status, ess))
}

fn read_model(words: &mut Words) -> Result<ModelPerformance, String> {
    let mut seen = model(&words.word("model")?);
    while let Some(field) = words.next() {
        match field.as_str() {
            "sharpe" => seen.sharpe_ratio = Some(words.ratio(&field)?),
            "win-rate" => seen.win_rate = Some(words.fraction(&field)?),
            "trained-days-ago" => seen.days_since_training = Some(words.ratio(&field)?),
            other => return Err(format!("a model has no {other:?}")),
        }
    }
    Ok(seen)
}

fn read_absence(words: &mut Words) -> Result<Absence, String> {
    match words.next().as_deref() {
        None | Some("timeout") => Ok(Absence::Timeout),
        Some("disabled") => Ok(Absence::Disabled),
        Some("no-responders") => Ok(Absence::NoResponders),
        Some(other) => Err(format!("nobody is absent for {other:?}")),
    }
}

fn command(words: &mut Words, rank: Rank) -> Result<Action, String> {
    let by = Person { name: words.word("who")?, rank };
    let verb = words.word("an order")?;
    let mut limits = SomeLimits::default();
    let (mut mode, mut cause, mut severity) = (Mode::Live, None, Severity::Critical);
    match verb.as_str() {
        "mode" => mode = words.named("mode")?,
        "limits" => limits = read_limits(words)?,
        "release" => cause = words.next(),
        "freeze" => {
            if words.takes("severity") {
                severity = words.named("severity")?;
            }
        }
        other => return Err(format!("nobody knows the order {other:?}")),
    }
    let duration = if words.takes("for") { Some(words.period("for")?) } else { None };
    let mut releases = Vec::new();
    while words.takes("releasing") {
        releases.push(words.word("releasing")?.into());
    }
    let approver = |name| Person { name, rank: Rank::Approver };
    let approved_by = if words.takes("with") { Some(approver(words.word("with")?)) } else { None };
    let order = match cause {
        Some(cause) => Wish::Release { cause: cause.into() },
        None if verb == "freeze" => Wish::Freeze { severity, duration },
        None if verb == "limits" => Wish::Limits { limits, duration, releases },
        None => Wish::Mode { mode, duration, releases },
    };
    Ok(Action::Command { by, approved_by, order })
}

fn read_limits(words: &mut Words) -> Result<SomeLimits, String> {
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

fn expected(words: &mut Words) -> Result<Expected, String> {
    let first = words.word("an expectation")?;
    let mut rest = || std::iter::from_fn(|| words.next()).collect::<Vec<_>>();
    match first.as_str() {
        "holds" => Ok(Expected::Holds { causes: rest().into_iter().filter(|word| word != "none").collect() }),
        "refused" => match rest().as_slice() {
            [rule, why] => Ok(Expected::Refused { rule: rule.clone(), why: why.clone() }),
            other => Err(format!("{other:?} is no rule and reason")),
        },
        "unchanged" => match rest().as_slice() {
            [rule] => Ok(Expected::Unchanged { rule: rule.clone() }),
            other => Err(format!("{other:?} is no rule")),
        },
        "->" => match rest().as_slice() {
            [what, rule, fields @ ..] => {
                let pair = |field: &String| {
                    let (name, value) =
                        field.split_once('=').ok_or(format!("{field:?} is no field=value"))?;
                    Ok((name.to_owned(), value.to_owned()))
                };
                let fields = fields.iter().map(pair).collect::<Result<_, String>>()?;
                Ok(Expected::Decision { what: what.clone(), rule: rule.clone(), fields })
            }
            other => Err(format!("{other:?} is no decision and rule")),
        },
        other => Err(format!("nobody knows how to expect {other:?}")),
    }
}
