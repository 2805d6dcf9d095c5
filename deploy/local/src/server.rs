//! A private NATS server and a private Redis server, on loopback.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::child::Spec;

/// A server that the launcher can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// `nats-server`, with JetStream.
    Nats,
    /// `redis-server`, which keeps what it took and evicts nothing.
    Redis,
}

/// Where servers are that a plain user's PATH often leaves out.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

impl Server {
    /// The name that its process goes by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Redis => "redis",
        }
    }

    const fn binary(self) -> &'static str {
        match self {
            Self::Nats => "nats-server",
            Self::Redis => "redis-server",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Nats => "FED_NATS_SERVER",
            Self::Redis => "FED_REDIS_SERVER",
        }
    }

    /// The URL of this server on a loopback port.
    pub fn url(self, port: u16) -> String {
        format!("{}://127.0.0.1:{port}", self.as_str())
    }

    /// How to start it on a port, with its data in `folder`.
    ///
    /// # Errors
    /// It is not installed.
    pub fn spec(self, port: u16, folder: &Path, log: PathBuf) -> Result<Spec> {
        let args = match self {
            Self::Nats => nats_args(port, folder),
            Self::Redis => redis_args(port, folder),
        };
        Ok(Spec { name: self.as_str().to_owned(), program: self.program()?, args, env: Vec::new(), log })
    }

    fn program(self) -> Result<PathBuf> {
        if let Some(path) = std::env::var_os(self.variable()) {
            return Ok(path.into());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
        let found = folders.map(|folder| folder.join(self.binary())).find(|program| program.is_file());
        match found {
            Some(program) => Ok(program),
            None => bail!(
                "{binary} is not installed: apt-get install {binary}, or name one in {variable}",
                binary = self.binary(),
                variable = self.variable()
            ),
        }
    }

    /// Whether it answers on this port.
    pub async fn answers(self, port: u16) -> bool {
        let (question, answer): (&[u8], &[u8]) = match self {
            Self::Nats => (b"", b"INFO "),
            Self::Redis => (b"PING\r\n", b"+PONG"),
        };
        matches!(exchange(port, question, answer.len()).await, Ok(seen) if seen == answer)
    }
}

async fn exchange(port: u16, question: &[u8], length: usize) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(question).await?;
    let mut seen = vec![0; length];
    stream.read_exact(&mut seen).await?;
    Ok(seen)
}

fn nats_args(port: u16, folder: &Path) -> Vec<OsString> {
    let port = port.to_string();
    let mut args: Vec<OsString> = ["-a", "127.0.0.1", "-p", &port, "-js", "-sd"].map(OsString::from).into();
    args.push(folder.into());
    args
}

fn redis_args(port: u16, folder: &Path) -> Vec<OsString> {
    let port = port.to_string();
    let fixed = [
        ("--bind", "127.0.0.1"),
        ("--port", &port),
        ("--appendonly", "yes"),
        ("--appendfsync", "everysec"),
        ("--save", ""),
        ("--maxmemory-policy", "noeviction"),
        ("--daemonize", "no"),
    ];
    let mut args: Vec<OsString> =
        fixed.iter().flat_map(|(flag, value)| [OsString::from(flag), OsString::from(value)]).collect();
    args.extend(["--dir".into(), folder.into()]);
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_keeps_everything_and_evicts_nothing() {
        let args = redis_args(7000, Path::new("/data/redis"));
        let pairs: Vec<(&OsString, &OsString)> = args.chunks(2).map(|pair| (&pair[0], &pair[1])).collect();
        for (flag, value) in [
            ("--maxmemory-policy", "noeviction"),
            ("--appendonly", "yes"),
            ("--appendfsync", "everysec"),
            ("--save", ""),
            ("--bind", "127.0.0.1"),
            ("--dir", "/data/redis"),
        ] {
            assert!(pairs.contains(&(&flag.into(), &value.into())), "{flag} {value}");
        }
    }

    #[test]
    fn nats_runs_jetstream_on_loopback_only() {
        let args = nats_args(7001, Path::new("/data/nats"));
        assert_eq!(args, ["-a", "127.0.0.1", "-p", "7001", "-js", "-sd", "/data/nats"]);
        assert_eq!(Server::Nats.url(7001), "nats://127.0.0.1:7001");
        assert_eq!(Server::Redis.url(7002), "redis://127.0.0.1:7002");
    }
}
