//! Making the streams and buckets: the one command that does.

use anyhow::{Context, bail};
use async_nats::jetstream::stream::Config;
use tracing::info;

use super::spec::{Difference, Options, differences};
use super::wanted;
use crate::nats::{Connection, Nats};
use crate::node::BadConfiguration;

/// Servers that keep compare-and-set on replicated streams.
const REPLICATED_SINCE: (u64, u64, u64) = (2, 9, 21);
/// Servers that can lose the data of a stream that is made again as it is.
const LOSES_DATA: [(u64, u64, u64); 2] = [(2, 12, 14), (2, 14, 4)];

/// What was done about a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provisioned {
    /// It was made.
    Made(String),
    /// It was there, as it should be.
    Unchanged(String),
    /// Its limits were changed.
    Changed(String, Vec<Difference>),
}

/// Makes what is missing. What is there and differs is left alone: limits are changed when `change_limits` says so,
/// anything else is refused.
///
/// # Errors
/// The server's version, or what differs, is refused; or the server did not answer.
pub async fn provision(
    nats: &Nats,
    options: &Options,
    change_limits: bool,
) -> anyhow::Result<Vec<Provisioned>> {
    let connection = nats.connection()?;
    usable(connection.server_version(), options.replicas)?;
    // Look at everything before anything is touched.
    let mut plan = Vec::new();
    let mut refused = Vec::new();
    for mut config in wanted(&nats.subjects, options) {
        let seen = nats.broker.describe(&config.name).await?;
        let found = seen.map(|seen| {
            let found = differences(&seen.config, &config);
            // What the stream stands for was said by a person, and stays.
            config.description = seen.config.description;
            found
        });
        let refusals = found.iter().flatten().filter(|difference| !(change_limits && difference.is_limit));
        refused.extend(refusals.map(Difference::to_string));
        plan.push((config, found));
    }
    if !refused.is_empty() {
        let list = refused.join("\n  ");
        bail!(BadConfiguration::new(format!(
            "the mesh is not as it should be (limits can be changed with --change-limits, nothing else can):\n  {list}"
        )));
    }
    let mut done = Vec::new();
    for (config, found) in plan {
        done.push(carry_out(connection, config, found).await?);
    }
    Ok(done)
}

async fn carry_out(
    connection: &Connection,
    config: Config,
    found: Option<Vec<Difference>>,
) -> anyhow::Result<Provisioned> {
    let name = config.name.clone();
    match found {
        None => {
            connection
                .jetstream
                .create_stream(config)
                .await
                .with_context(|| format!("cannot make stream {name}"))?;
            info!(stream = name, "made");
            Ok(Provisioned::Made(name))
        }
        Some(differences) if differences.is_empty() => {
            info!(stream = name, "unchanged");
            Ok(Provisioned::Unchanged(name))
        }
        Some(differences) => {
            connection
                .jetstream
                .update_stream(&config)
                .await
                .with_context(|| format!("cannot change stream {name}"))?;
            for difference in &differences {
                info!(stream = name, "changed: {difference}");
            }
            Ok(Provisioned::Changed(name, differences))
        }
    }
}

fn usable(version: (u64, u64, u64), replicas: usize) -> Result<(), BadConfiguration> {
    let (major, minor, patch) = version;
    if LOSES_DATA.contains(&version) {
        return Err(BadConfiguration::new(format!(
            "nats-server {major}.{minor}.{patch} can lose a stream's data: use a newer one"
        )));
    }
    if replicas > 1 && version < REPLICATED_SINCE {
        return Err(BadConfiguration::new(format!(
            "nats-server {major}.{minor}.{patch} does not keep compare-and-set on replicated streams: \
             use 2.9.21 or newer, or --replicas 1"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_lose_data_are_refused() {
        assert!(usable((2, 9, 10), 1).is_ok());
        assert!(usable((2, 9, 10), 3).unwrap_err().to_string().contains("2.9.21"));
        assert!(usable((2, 9, 21), 3).is_ok());
        assert!(usable((2, 12, 14), 1).is_err());
        assert!(usable((2, 14, 4), 3).is_err());
        assert!(usable((2, 15, 1), 3).is_ok());
    }
}
