//! A stream of a running mesh, read up to the last message that is there when reading begins.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use mesh::BadConfiguration;
use mesh::admin::Admin;
use mesh::args::MeshArgs;
use mesh::nats::Nats;
use mesh::reader::Reader;
use mesh::streams::{self, Description};
use proto::id::Sequence;
use proto::subject::{Stream, Subjects};
use tokio::time::timeout;

use super::Record;
use crate::args::{Limit, Limits};
use crate::shell::Shell;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long the next message may take: the reader overcomes a lost server within this.
const STALLED: Duration = Duration::from_secs(30);

/// A stream on tap.
pub(super) struct Tap<'a> {
    shell: &'a Shell,
    name: String,
    identity: String,
    reader: Reader,
    /// Everything up to here was read.
    read: Sequence,
    /// The last sequence that is read.
    last: Sequence,
    expected: Option<u64>,
}

impl<'a> Tap<'a> {
    /// Connects, and looks how far the stream goes.
    pub(super) fn open(shell: &'a Shell, args: &MeshArgs, stream: Stream, limits: &Limits) -> Result<Self> {
        let filter = filter(&args.prefix, stream, limits)?;
        shell.wait(async {
            let nats = connect(args, shell).await?;
            let name = args.prefix.stream(stream);
            let Description { created, state, .. } = streams::describe(&nats, &name).await?;
            let last = nats.last_message(stream, &filter).await?.map_or(0, |message| message.sequence.0);
            let from = match limits.from {
                Some(Limit::Sequence(from)) => from,
                Some(Limit::Time(_)) | None => Sequence(1),
            };
            let to = match limits.to {
                Some(Limit::Sequence(to)) => to.0,
                Some(Limit::Time(_)) | None => u64::MAX,
            };
            let first = from.0.max(state.first_sequence);
            let expected = limits.portfolio.is_none().then(|| (last.min(to) + 1).saturating_sub(first));
            let read = Sequence(from.0.saturating_sub(1));
            let reader = Reader::new(&nats, name.clone(), &created, filter, from);
            Ok(Self { shell, name, identity: created, reader, read, last: Sequence(last), expected })
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) const fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// The next message; none behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Record>> {
        if self.read >= self.last {
            return Ok(None);
        }
        let (name, reader) = (&self.name, &mut self.reader);
        let message = self.shell.wait(async {
            let next = timeout(STALLED, reader.next()).await;
            Ok(next.map_err(|_| anyhow!("{name}: no message came for {STALLED:?}"))??)
        })?;
        self.read = message.sequence;
        let (sequence, subject) = (message.sequence, message.subject);
        Ok(Some(Record { sequence, bytes: message.payload.to_vec(), subject, line: 0 }))
    }
}

async fn connect(args: &MeshArgs, shell: &Shell) -> Result<Nats> {
    let admin = Admin::new();
    let connected = timeout(CONNECTING, Nats::connect("replay", args, &admin, shell.shutdown())).await;
    connected.ok().with_context(|| format!("no NATS server at {} within {CONNECTING:?}", args.nats_url))?
}

/// The subjects that are read.
fn filter(subjects: &Subjects, stream: Stream, limits: &Limits) -> Result<String> {
    let Some(portfolio) = &limits.portfolio else { return Ok(subjects.of_stream(stream)) };
    match stream {
        Stream::Events => Ok(subjects.events_of(portfolio)),
        Stream::Rulings => Ok(subjects.rulings_of(portfolio)),
        Stream::Decisions => Ok(subjects.decisions_of(portfolio)),
        Stream::Dead => {
            Err(BadConfiguration::new("--portfolio: a dead letter concerns no portfolio; leave it out")
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::id::PortfolioId;

    use super::*;

    #[test]
    fn a_portfolio_narrows_every_stream_but_the_dead_letters() {
        let limits = Limits { portfolio: Some(PortfolioId::main()), ..Limits::default() };
        let filter = |stream| filter(&Subjects::default(), stream, &limits);
        assert_eq!(filter(Stream::Events).unwrap(), "fed.event.*.main.>");
        assert_eq!(filter(Stream::Rulings).unwrap(), "fed.ruling.*.main");
        assert_eq!(filter(Stream::Decisions).unwrap(), "fed.decision.main.*");
        assert!(filter(Stream::Dead).unwrap_err().is::<BadConfiguration>());
    }
}
