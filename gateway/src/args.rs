//! The gateway's flags and environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use mesh::BadConfiguration;
use mesh::args::{Cli, MeshArgs};
use mesh::lease::Leasing;
use proto::time::Period;

use crate::accounts::Accounts;
use crate::api::auth::Door;
use crate::feed::{DrawdownUnit, Feed, FeedKind, FirstStart};
use crate::keys::Keys;
use crate::status::Patience;

/// The gateway: Redis and HTTP on one side, the mesh on the other.
///
/// It takes events from the backend's Redis streams into the mesh, writes decisions back to Redis, and serves the HTTP API.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct GatewayArgs {
    #[command(flatten)]
    mesh: MeshArgs,

    /// The backend's Redis
    #[arg(long, env = "REDIS_URL", default_value = "redis://127.0.0.1:6379", value_name = "URL")]
    pub redis_url: String,

    /// What every key in Redis begins with
    #[arg(long, env = "FED_STREAM_PREFIX", default_value = "quantum:", value_name = "PREFIX")]
    pub stream_prefix: String,

    /// How the backend writes drawdowns: 0.035, 3.5 or -0.035 for 3.5 %
    #[arg(long, env = "FED_DRAWDOWN_UNIT", value_enum, default_value_t = DrawdownUnit::Fraction, value_name = "UNIT")]
    pub drawdown_unit: DrawdownUnit,

    /// Older events build memory but may not loosen anything
    #[arg(long, env = "FED_MAX_EVENT_AGE", default_value = "60s", value_name = "PERIOD")]
    pub max_event_age: Period,

    /// Where a stream that was never read begins: a time, or a length of time before now [default: --max-event-age]
    ///
    /// From then on the position is what was read, whatever this says.
    #[arg(long, env = "FED_FIRST_START", value_name = "TIME|PERIOD")]
    pub first_start: Option<FirstStart>,

    /// Events whose time lies further ahead than this are refused
    #[arg(long, env = "FED_MAX_SKEW", default_value = "60s", value_name = "PERIOD")]
    pub max_skew: Period,

    /// How long an effective-policy document lives unless it is renewed; at least 3s
    #[arg(long, env = "FED_EFFECTIVE_TTL", default_value = "90s", value_name = "PERIOD")]
    pub effective_ttl: Period,

    /// How long snapshots may be silent, once they came, before /health says so
    #[arg(long, env = "FED_SNAPSHOT_SILENCE", default_value = "60s", value_name = "PERIOD")]
    pub snapshot_silence: Period,

    /// How long the system's health may be silent, once it came, before /health says so
    #[arg(long, env = "FED_HEALTH_SILENCE", default_value = "10m", value_name = "PERIOD")]
    pub health_silence: Period,

    /// Go on with a Redis whose maxmemory-policy is not noeviction: it may drop streams, and our position with them
    #[arg(long, env = "FED_ALLOW_EVICTION")]
    pub allow_eviction: bool,

    /// Whether ingest and emit are shared with other gateways; `off` does both here, whoever else does
    #[arg(long, env = "FED_LEASES", value_enum, default_value_t, value_name = "WORD")]
    pub leases: Leasing,

    /// Where the HTTP API is served
    #[arg(long, env = "FED_HTTP_ADDR", default_value = "127.0.0.1:8001", value_name = "HOST:PORT")]
    pub http_addr: String,

    /// File with the accounts that may read and command (see README); without one whoever reaches the port may
    #[arg(long, env = "FED_ACCOUNTS", value_name = "FILE")]
    pub accounts: Option<PathBuf>,

    /// With accounts: let anybody read, as the dashboard widget does; commands still take a token
    #[arg(long, env = "FED_PUBLIC_READS", requires = "accounts")]
    pub public_reads: bool,

    /// Serve HTTP to other machines without accounts: whoever reaches the port may command
    #[arg(long, env = "FED_ALLOW_REMOTE")]
    pub insecure_allow_remote: bool,

    /// An origin whose pages may command; any origin may read. May be given several times, or separated by commas
    #[arg(long, env = "FED_CORS_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub cors_origin: Vec<String>,
}

impl Cli for GatewayArgs {
    /// It serves HTTP, and the freeze above all.
    const STARTS_WITHOUT_NATS: bool = true;

    fn mesh(&self) -> &MeshArgs {
        &self.mesh
    }

    fn check(&self) -> Result<(), BadConfiguration> {
        let mut wrong = Vec::new();
        if let Err(failed) = redis::Client::open(self.redis_url.as_str()) {
            wrong.push(format!("--redis-url {:?}: {failed}", self.redis_url));
        }
        if self.http_addr.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            wrong.push(format!("--http-addr {:?}: expected HOST:PORT", self.http_addr));
        }
        if let Err(exposed) = self.http_addr.parse().map_or(Ok(()), |address| self.check_bound(address)) {
            wrong.push(exposed.to_string());
        }
        if self.effective_ttl < MIN_EFFECTIVE_TTL {
            let seen = self.effective_ttl;
            wrong.push(format!("--effective-ttl {seen}: expected at least {MIN_EFFECTIVE_TTL}"));
        }
        if let Err(unusable) = self.door() {
            wrong.push(unusable.to_string());
        }
        for origin in self.cors_origin.iter().filter(|origin| !is_origin(origin)) {
            wrong.push(format!("--cors-origin {origin:?}: expected something like https://desk.example"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(BadConfiguration::new(wrong.join("\n"))) }
    }
}

/// The shortest life of an effective document: it is renewed three times in it.
const MIN_EFFECTIVE_TTL: Period = Period::from_secs(3);

impl GatewayArgs {
    /// The names of everything in Redis.
    pub fn keys(&self) -> Keys {
        Keys::new(self.stream_prefix.clone())
    }

    /// The streams that events come from.
    pub fn feeds(&self) -> Vec<Feed> {
        let keys = self.keys();
        let feed = |kind: FeedKind| Feed {
            kind,
            stream: keys.stream(kind.event_type()),
            drawdown: self.drawdown_unit,
        };
        FeedKind::ALL.into_iter().map(feed).collect()
    }

    /// Where a stream that was never read begins: by default nothing older than what may still loosen is read.
    pub fn first_start(&self) -> FirstStart {
        self.first_start.unwrap_or(FirstStart::Ago(self.max_event_age))
    }

    /// How long each feed may be silent. Models tell of themselves so rarely that their silence says nothing.
    pub fn patience(&self) -> Vec<Patience> {
        let keys = self.keys();
        let feeds = [(FeedKind::Snapshot, self.snapshot_silence), (FeedKind::Health, self.health_silence)];
        let patience = |(kind, period): (FeedKind, Period)| Patience {
            kind,
            stream: keys.stream(kind.event_type()),
            period,
        };
        feeds.map(patience).into()
    }

    /// Who may call.
    ///
    /// # Errors
    /// Everything that is wrong with the file of accounts.
    pub fn door(&self) -> Result<Door, BadConfiguration> {
        let accounts = self.accounts.as_deref().map(Accounts::open).transpose()?;
        Ok(Door { accounts, public_reads: self.public_reads })
    }

    /// Checks that an address may be served on.
    ///
    /// # Errors
    /// It can be reached by others, and nobody allowed that.
    pub fn check_bound(&self, address: SocketAddr) -> Result<(), BadConfiguration> {
        if address.ip().is_loopback() || self.accounts.is_some() || self.insecure_allow_remote {
            return Ok(());
        }
        Err(BadConfiguration::new(format!(
            "--http-addr {address} can be reached by other machines, and there are no accounts: whoever reaches it may command. \
             Name them with --accounts, serve on 127.0.0.1, or allow it with --insecure-allow-remote behind something that \
             checks who calls"
        )))
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains('/') && host.is_ascii())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn args(args: &[&str]) -> GatewayArgs {
        GatewayArgs::try_parse_from([&["gateway"], args].concat()).unwrap()
    }

    #[test]
    fn every_flag_has_help_and_a_variable() {
        let command = GatewayArgs::command();
        command.clone().debug_assert();
        for arg in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
        {
            assert!(arg.get_help().is_some(), "{arg}");
            assert!(arg.get_env().is_some(), "{arg}");
        }
    }

    #[test]
    fn feeds_are_those_of_the_backend() {
        let feeds = args(&["--drawdown-unit", "percent"]).feeds();
        let streams: Vec<&str> = feeds.iter().map(|feed| feed.stream.as_str()).collect();
        assert_eq!(
            streams,
            [
                "quantum:stream:portfolio.snapshot_updated",
                "quantum:stream:system.health_updated",
                "quantum:stream:model.performance_updated",
                "quantum:stream:federation.decision_applied"
            ]
        );
        assert!(feeds.iter().all(|feed| feed.drawdown == DrawdownUnit::Percent));
    }

    #[test]
    fn a_first_start_is_as_old_as_events_may_be_unless_it_is_told() {
        assert_eq!(args(&["--max-event-age", "5m"]).first_start(), FirstStart::Ago(Period::from_mins(5)));
        assert_eq!(args(&["--first-start", "2h"]).first_start(), FirstStart::Ago(Period::from_hours(2)));
        let at = args(&["--first-start", "2026-01-05T09:30:00Z"]).first_start();
        assert_eq!(at, FirstStart::At("2026-01-05T09:30:00Z".parse().unwrap()));
        let wrong =
            GatewayArgs::try_parse_from(["gateway", "--first-start", "monday"]).unwrap_err().to_string();
        assert!(wrong.contains("2026-01-31T09:30:00Z"), "{wrong}");
    }

    #[test]
    fn others_are_served_only_where_that_is_allowed() {
        let address = "0.0.0.0:8001".parse().unwrap();
        assert!(args(&[]).check_bound("127.0.0.1:8001".parse().unwrap()).is_ok());
        assert!(args(&[]).check_bound(address).unwrap_err().to_string().contains("--insecure-allow-remote"));
        assert!(args(&["--insecure-allow-remote"]).check_bound(address).is_ok());
        assert!(args(&["--accounts", "desk.toml"]).check_bound(address).is_ok());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let wrong = args(&[
            "--effective-ttl",
            "1s",
            "--cors-origin",
            "desk.example,https://a.example/x",
            "--redis-url",
            "localhost",
            "--http-addr",
            "8001",
        ]);
        let told = wrong.check().unwrap_err().to_string();
        assert_eq!(told.lines().count(), 5, "{told}");
        let exposed = args(&["--http-addr", "0.0.0.0:8001"]).check().unwrap_err().to_string();
        assert!(exposed.contains("--insecure-allow-remote"), "{exposed}");
        assert!(args(&["--http-addr", "localhost:8001"]).check().is_ok(), "names are looked up later");
        assert!(args(&["--cors-origin", "https://desk.example"]).check().is_ok());
    }
}
