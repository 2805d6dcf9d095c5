//! Reads a script, line by line.

use proto::command::Rank;
use proto::event::{Body, Snapshot};
use proto::number::Fraction;
use proto::ruling::Absence;
use proto::testing::{MONDAY, snapshot};
use proto::time::{Period, Time};

use crate::script::{Action, Expected, Script, Step};
use crate::words::Words;
use crate::{entries, orders};

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
    Snapshot { drawdown_pct: Fraction::ZERO, ..snapshot() }
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
            self.usual = entries::snapshot(&mut words, &self.usual)?;
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
            "snapshot" => told(Body::Snapshot(entries::snapshot(words, &self.usual)?)),
            "health" => told(Body::Health(entries::health(words)?)),
            "model" => told(Body::Model(entries::model(words)?)),
            "again" => {
                let last = if words.takes("last") { words.parsed("how many")? } else { 1 };
                let times = if words.takes("times") { words.parsed("how often")? } else { 1 };
                let every = if words.takes("every") { words.period("how often")? } else { Period::ZERO };
                Action::Again { last, times, every }
            }
            "duplicate" => Action::Duplicate,
            "replayed" => {
                Action::Replayed { last: if words.takes("last") { words.parsed("how many")? } else { 1 } }
            }
            "wait" => Action::Wait,
            "absent" => Action::Absent { role: words.parsed("role")?, why: absence(words)? },
            "present" => Action::Present { role: words.parsed("role")? },
            "viewer" => orders::command(words, Rank::Viewer)?,
            "operator" => orders::command(words, Rank::Operator)?,
            "approver" => orders::command(words, Rank::Approver)?,
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
        | Action::Replayed { .. }
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

fn absence(words: &mut Words) -> Result<Absence, String> {
    match words.next().as_deref() {
        None | Some("timeout") => Ok(Absence::Timeout),
        Some("disabled") => Ok(Absence::Disabled),
        Some("no-responders") => Ok(Absence::NoResponders),
        Some("circuit-open") => Ok(Absence::CircuitOpen),
        Some(other) => Err(format!("nobody is absent for {other:?}")),
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
