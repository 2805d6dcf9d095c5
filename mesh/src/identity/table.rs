//! The table: which subjects each identity may publish and subscribe to.

use proto::event::EventKind;
use proto::id::Role;
use proto::subject::{Stream, Subjects};

use super::Identity;
use crate::streams::bucket_stream;

/// What services tell about themselves, and are asked for.
const DISCOVERY: [&str; 3] = ["$SRV.PING", "$SRV.INFO", "$SRV.STATS"];

/// What an identity may do. Whatever is not named is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// The subjects that it may publish to.
    pub publish: Vec<String>,
    /// The subjects that it may subscribe to.
    pub subscribe: Vec<String>,
    /// Whether it may answer, once, whoever asked it something.
    pub replies: bool,
}

/// What an identity may do in the mesh with these names.
pub fn permissions(identity: &Identity, subjects: &Subjects) -> Permissions {
    let mut permissions = match identity {
        Identity::Role(role) => of_role(role, subjects),
        Identity::Arbiter => of_arbiter(subjects),
        Identity::Gateway => of_gateway(subjects),
        Identity::Observer => of_observer(subjects),
        Identity::Provision => of_provision(subjects),
    };
    permissions.subscribe.push(inbox(identity, subjects));
    permissions
}

/// The answers to this identity and to no other.
fn inbox(identity: &Identity, subjects: &Subjects) -> String {
    format!("{}.>", subjects.inbox(identity.name()))
}

fn of_role(role: &Role, subjects: &Subjects) -> Permissions {
    let service = format!("federation-{role}");
    let discovery = DISCOVERY
        .into_iter()
        .flat_map(|verb| [verb.to_owned(), format!("{verb}.{service}"), format!("{verb}.{service}.*")]);
    let asked = [subjects.evaluate(role), subjects.review(role)];
    Permissions {
        // A round trip to itself shows that the server knows its subscriptions.
        publish: vec![inbox(&Identity::Role(role.clone()), subjects)],
        subscribe: asked.into_iter().chain(discovery).collect(),
        replies: true,
    }
}

fn of_arbiter(subjects: &Subjects) -> Permissions {
    let any_role = [subjects.of_every_role("evaluate"), subjects.of_every_role("review")];
    let written = [
        subjects.of_stream(Stream::Rulings),
        subjects.of_stream(Stream::Decisions),
        // Of what happened it adds its own timers and nothing else.
        subjects.events_of_kind(EventKind::ClockDue),
        subjects.leases_of("arbiter"),
    ];
    let read = [
        Log::of(subjects, Stream::Events),
        Log::of(subjects, Stream::Rulings),
        Log::of(subjects, Stream::Decisions),
        Log::leases(subjects, "arbiter"),
        Log::roster(subjects),
    ];
    Permissions {
        publish: [&any_role[..], &written].concat().into_iter().chain(service_api(subjects, &read)).collect(),
        ..Permissions::default()
    }
}

fn of_gateway(subjects: &Subjects) -> Permissions {
    // Timers are the arbiter's.
    let told = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::ClockDue);
    let written = [
        subjects.of_stream(Stream::Dead),
        subjects.leases_of("gateway"),
        subjects.roster_entries(),
        "$SRV.INFO".to_owned(),
    ];
    let read = Stream::ALL.into_iter().map(|stream| Log::of(subjects, stream));
    let read: Vec<Log> = read.chain([Log::leases(subjects, "gateway"), Log::roster(subjects)]).collect();
    let events = told.map(|kind| subjects.events_of_kind(kind));
    Permissions {
        publish: events.chain(written).chain(service_api(subjects, &read)).collect(),
        ..Permissions::default()
    }
}

fn of_observer(subjects: &Subjects) -> Permissions {
    let read = Stream::ALL.into_iter().flat_map(|stream| Log::of(subjects, stream).reading());
    let discovery = DISCOVERY.into_iter().flat_map(|verb| [verb.to_owned(), format!("{verb}.>")]);
    Permissions {
        publish: read
            .chain(Stream::ALL.map(|stream| info(&subjects.stream(stream))))
            .chain(discovery)
            .collect(),
        // As it comes, too.
        subscribe: Stream::ALL.map(|stream| subjects.of_stream(stream)).into(),
        replies: false,
    }
}

fn of_provision(subjects: &Subjects) -> Permissions {
    let makes =
        |stream: String| ["INFO", "CREATE", "UPDATE"].map(|what| format!("$JS.API.STREAM.{what}.{stream}"));
    Permissions { publish: streams(subjects).flat_map(makes).collect(), ..Permissions::default() }
}

/// Every stream, those of the buckets included.
fn streams(subjects: &Subjects) -> impl Iterator<Item = String> {
    let buckets = [subjects.lease_bucket(), subjects.roster_bucket()].map(|bucket| bucket_stream(&bucket));
    Stream::ALL.map(|stream| subjects.stream(stream)).into_iter().chain(buckets)
}

/// What JetStream is asked for by a service that reads these: it looks at every stream when it starts.
fn service_api(subjects: &Subjects, read: &[Log]) -> Vec<String> {
    let looked_at = streams(subjects).map(|stream| info(&stream));
    looked_at.chain(read.iter().flat_map(|log| log.reading().into_iter().chain([log.closing()]))).collect()
}

fn info(stream: &str) -> String {
    format!("$JS.API.STREAM.INFO.{stream}")
}

/// A stream, and what is read of it.
struct Log {
    stream: String,
    filter: String,
}

impl Log {
    fn of(subjects: &Subjects, stream: Stream) -> Self {
        Self { stream: subjects.stream(stream), filter: subjects.of_stream(stream) }
    }

    fn leases(subjects: &Subjects, group: &str) -> Self {
        Self { stream: bucket_stream(&subjects.lease_bucket()), filter: subjects.leases_of(group) }
    }

    fn roster(subjects: &Subjects) -> Self {
        Self { stream: bucket_stream(&subjects.roster_bucket()), filter: subjects.roster_entries() }
    }

    /// Single messages from the leader, and consumers of what the filter holds.
    fn reading(&self) -> Vec<String> {
        let Self { stream, filter } = self;
        vec![
            format!("$JS.API.STREAM.MSG.GET.{stream}"),
            format!("$JS.API.CONSUMER.CREATE.{stream}.*.{filter}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"),
        ]
    }

    /// Ending consumers. Their names are nobody's own, so who only looks on may not: its consumers end by themselves.
    fn closing(&self) -> String {
        format!("$JS.API.CONSUMER.DELETE.{}.*", self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(identity: &Identity) -> Permissions {
        permissions(identity, &Subjects::default())
    }

    #[test]
    fn a_role_hears_its_own_subjects_and_writes_to_no_stream() {
        let cro = of(&Identity::Role(Role::CRO));
        assert_eq!(cro.publish, ["_INBOX.fed.cro.>"]);
        assert!(cro.replies);
        let foreign = cro.subscribe.iter().filter(|subject| !subject.contains("cro"));
        assert_eq!(foreign.collect::<Vec<_>>(), DISCOVERY.iter().collect::<Vec<_>>());
    }

    #[test]
    fn nobody_may_delete_or_empty_a_stream() {
        for identity in Identity::all(Role::ALL) {
            for subject in of(&identity).publish {
                let grants = ["STREAM.DELETE", "STREAM.PURGE", "MSG.DELETE", "API.>", "STREAM.>", "STREAM.*"];
                assert!(!grants.iter().any(|grant| subject.contains(grant)), "{identity}: {subject}");
                assert!(![">", "*", "$JS.>"].contains(&subject.as_str()), "{identity}: {subject}");
            }
        }
    }

    #[test]
    fn two_meshes_on_one_cluster_share_nothing_but_discovery() {
        let (fed, desk) = (Subjects::default(), "desk".parse().unwrap());
        for identity in Identity::all(Role::ALL) {
            let of_desk = permissions(&identity, &desk);
            let ours = permissions(&identity, &fed);
            let shared = |one: &[String], other: &[String]| -> Vec<String> {
                one.iter().filter(|subject| other.contains(subject)).cloned().collect()
            };
            let shared =
                [shared(&ours.publish, &of_desk.publish), shared(&ours.subscribe, &of_desk.subscribe)];
            assert!(shared.concat().iter().all(|subject| subject.starts_with("$SRV.")), "{shared:?}");
        }
    }
}
