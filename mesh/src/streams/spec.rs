//! What each stream and bucket must be.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use clap::Args;
use proto::id::SlotCount;
use proto::subject::{Stream, Subjects};
use proto::time::Period;

use super::succession::Note;

/// How long a stream knows message ids: it covers retries; identity covers the rest.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What may be chosen when a mesh is made.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Options {
    /// Shards of portfolios; fixed when the mesh is made
    #[arg(long, env = "FED_SLOTS", default_value = "8", value_name = "N")]
    pub slots: SlotCount,

    /// Copies of each stream: 1, or 3 on a cluster of nats-server 2.9.21 or newer
    #[arg(long, env = "FED_REPLICAS", default_value_t = 1, value_name = "N")]
    pub replicas: usize,

    /// Rulings kept for each portfolio
    #[arg(long, env = "FED_HISTORY", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub history: u32,

    /// How long events are kept
    #[arg(long, env = "FED_EVENTS_AGE", default_value = "7d", value_name = "PERIOD")]
    pub events_age: Period,

    /// How many bytes of events are kept
    #[arg(long, env = "FED_EVENTS_BYTES", default_value_t = 1 << 30, value_name = "BYTES")]
    pub events_bytes: u32,

    /// How long decisions are kept
    #[arg(long, env = "FED_DECISIONS_AGE", default_value = "7d", value_name = "PERIOD")]
    pub decisions_age: Period,

    /// How many bytes of decisions are kept
    #[arg(long, env = "FED_DECISIONS_BYTES", default_value_t = 1 << 28, value_name = "BYTES")]
    pub decisions_bytes: u32,

    /// How long dead letters are kept
    #[arg(long, env = "FED_DEAD_AGE", default_value = "30d", value_name = "PERIOD")]
    pub dead_age: Period,

    /// How many bytes of dead letters are kept
    #[arg(long, env = "FED_DEAD_BYTES", default_value_t = 1 << 28, value_name = "BYTES")]
    pub dead_bytes: u32,

    /// How long a lease lives without being renewed: after that another replica takes over; at least 1s
    #[arg(long, env = "FED_LEASE_TTL", default_value = "3s", value_name = "PERIOD", value_parser = lease_ttl)]
    pub lease_ttl: Period,
}

/// The shortest life of a lease: it is renewed three times in it, and an answer may take a third of it.
pub(super) const MIN_LEASE_TTL: Period = Period::from_secs(1);

fn lease_ttl(text: &str) -> Result<Period, String> {
    let ttl: Period = text.parse().map_err(|failed| format!("{failed}"))?;
    if ttl < MIN_LEASE_TTL { Err(format!("expected at least {MIN_LEASE_TTL}")) } else { Ok(ttl) }
}

/// How a stream is other than it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The stream.
    pub stream: String,
    /// Which part of its configuration.
    pub field: &'static str,
    /// What is there.
    pub seen: String,
    /// What should be.
    pub expected: String,
    /// Whether it is a limit that may be changed in place.
    pub is_limit: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, field, seen, expected, .. } = self;
        write!(f, "{stream}: {field} is {seen}, expected {expected}")
    }
}

/// The configuration of a stream.
pub(super) fn stream(subjects: &Subjects, stream: Stream, options: &Options) -> Config {
    let (age, bytes, per_subject) = match stream {
        Stream::Events => (options.events_age.into(), i64::from(options.events_bytes), -1),
        Stream::Rulings => (Duration::ZERO, -1, i64::from(options.history)),
        Stream::Decisions => (options.decisions_age.into(), i64::from(options.decisions_bytes), -1),
        Stream::Dead => (options.dead_age.into(), i64::from(options.dead_bytes), -1),
    };
    let note = Note { slots: (stream == Stream::Events).then_some(options.slots), ..Note::default() };
    // What the log decides by must not be deleted, and must be read from the leader.
    let is_log = stream == Stream::Rulings;
    Config {
        name: subjects.stream(stream),
        subjects: vec![subjects.of_stream(stream)],
        description: note.description(),
        max_age: age,
        max_bytes: bytes,
        max_messages: -1,
        max_messages_per_subject: per_subject,
        discard: DiscardPolicy::Old,
        deny_delete: is_log,
        deny_purge: is_log,
        duplicate_window: DUPLICATE_WINDOW.min(if age.is_zero() { DUPLICATE_WINDOW } else { age }),
        ..common(options)
    }
}

/// The buckets, as the streams that they are: the client's own way of making them fails on nats-server 2.9.
pub(super) fn buckets(subjects: &Subjects, options: &Options) -> [Config; 2] {
    let bucket = |name: String, age: Duration| Config {
        name: bucket_stream(&name),
        subjects: vec![format!("$KV.{name}.>")],
        max_age: age,
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        duplicate_window: if age.is_zero() { DUPLICATE_WINDOW } else { DUPLICATE_WINDOW.min(age) },
        ..common(options)
    };
    [
        bucket(subjects.lease_bucket(), options.lease_ttl.into()),
        bucket(subjects.roster_bucket(), Duration::ZERO),
    ]
}

/// The stream that a bucket is.
pub(crate) fn bucket_stream(bucket: &str) -> String {
    format!("KV_{bucket}")
}

fn common(options: &Options) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: options.replicas,
        max_consumers: -1,
        max_message_size: -1,
        allow_direct: false,
        ..Config::default()
    }
}

/// Everything in which `seen` is other than `expected`.
pub(super) fn differences(seen: &Config, expected: &Config) -> Vec<Difference> {
    let mut found = fixed_differences(seen, expected);
    let mut limit = |field, seen: &dyn fmt::Debug, wanted: &dyn fmt::Debug| {
        compare(&mut found, &expected.name, field, seen, wanted, true);
    };
    limit("max_age", &seen.max_age, &expected.max_age);
    limit("duplicate_window", &seen.duplicate_window, &expected.duplicate_window);
    limit("max_bytes", &unlimited(seen.max_bytes), &unlimited(expected.max_bytes));
    let per_subject = |config: &Config| unlimited(config.max_messages_per_subject);
    limit("max_msgs_per_subject", &per_subject(seen), &per_subject(expected));
    limit("num_replicas", &seen.num_replicas, &expected.num_replicas);
    found
}

/// What must be so whatever was chosen, and cannot be changed in place.
pub(super) fn fixed_differences(seen: &Config, expected: &Config) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut fixed = |field, seen: &dyn fmt::Debug, wanted: &dyn fmt::Debug| {
        compare(&mut found, &expected.name, field, seen, wanted, false);
    };
    fixed("description", &made_with(seen), &made_with(expected));
    fixed("subjects", &seen.subjects, &expected.subjects);
    fixed("retention", &seen.retention, &expected.retention);
    fixed("storage", &seen.storage, &expected.storage);
    fixed("discard", &seen.discard, &expected.discard);
    fixed("deny_delete", &seen.deny_delete, &expected.deny_delete);
    fixed("deny_purge", &seen.deny_purge, &expected.deny_purge);
    fixed("allow_direct", &seen.allow_direct, &expected.allow_direct);
    fixed("allow_rollup_hdrs", &seen.allow_rollup, &expected.allow_rollup);
    fixed("max_msgs", &unlimited(seen.max_messages), &unlimited(expected.max_messages));
    fixed("age limit", &seen.max_age.is_zero(), &expected.max_age.is_zero());
    let per_subject = |config: &Config| config.max_messages_per_subject > 0;
    fixed("limit per subject", &per_subject(seen), &per_subject(expected));
    found
}

/// The description as it was when the stream was made: what it was accepted for came later.
fn made_with(config: &Config) -> Option<String> {
    match Note::read(config.description.as_deref()) {
        Some(note) => Note { stands_for: Vec::new(), ..note }.description(),
        None => config.description.clone(),
    }
}

fn compare(
    found: &mut Vec<Difference>,
    stream: &str,
    field: &'static str,
    seen: &dyn fmt::Debug,
    expected: &dyn fmt::Debug,
    is_limit: bool,
) {
    let (seen, expected) = (format!("{seen:?}"), format!("{expected:?}"));
    if seen != expected {
        found.push(Difference { stream: stream.to_owned(), field, seen, expected, is_limit });
    }
}

/// Servers write "no limit" as 0 or -1.
fn unlimited(limit: i64) -> i64 {
    if limit > 0 { limit } else { -1 }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn options(args: &[&str]) -> Options {
        Cli::try_parse_from([&["x"], args].concat()).unwrap().options
    }

    #[test]
    fn rulings_never_age_and_cannot_be_deleted() {
        let rulings = stream(&Subjects::default(), Stream::Rulings, &options(&[]));
        assert!(rulings.max_age.is_zero() && rulings.max_bytes < 0);
        assert!(rulings.deny_delete && rulings.deny_purge && !rulings.allow_direct);
        assert_eq!(rulings.max_messages_per_subject, 512);
    }

    #[test]
    fn rulings_that_any_replica_may_answer_for_are_refused() {
        let expected = stream(&Subjects::default(), Stream::Rulings, &options(&[]));
        let direct = Config { allow_direct: true, ..expected.clone() };
        let found = fixed_differences(&direct, &expected);
        assert_eq!(
            found.iter().map(|d| (d.field, d.is_limit)).collect::<Vec<_>>(),
            [("allow_direct", false)]
        );
        assert!(found[0].to_string().ends_with("allow_direct is true, expected false"), "{}", found[0]);
    }

    #[test]
    fn a_limit_differs_otherwise_than_what_is_fixed() {
        let subjects = Subjects::default();
        let expected = stream(&subjects, Stream::Events, &options(&[]));
        assert_eq!(differences(&expected, &expected), []);

        let older = stream(&subjects, Stream::Events, &options(&["--events-age", "1d"]));
        let found = differences(&older, &expected);
        assert_eq!(found.iter().map(|d| (d.field, d.is_limit)).collect::<Vec<_>>(), [("max_age", true)]);

        let sharded = stream(&subjects, Stream::Events, &options(&["--slots", "4"]));
        let found = differences(&sharded, &expected);
        assert_eq!(found.iter().map(|d| (d.field, d.is_limit)).collect::<Vec<_>>(), [("description", false)]);
        assert!(found[0].to_string().contains(r#"{\"slots\":4}"#), "{}", found[0]);
    }
}
