//! What was settled on before anything starts, and the command line of every part.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::bins::{Bins, IDENTITIES, PROVISION};
use crate::child::Spec;
use crate::port;
use crate::server::Server;
use crate::service::Service;

/// The settled answers to all that a builder leaves open; makes the command line of every part.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) bins: Bins,
    pub(crate) folder: PathBuf,
    /// The port of each server that is ours.
    pub(crate) ports: BTreeMap<&'static str, (Server, u16)>,
    pub(crate) nats_url: String,
    pub(crate) redis_url: String,
    pub(crate) http_port: u16,
    pub(crate) patience: Duration,
    pub(crate) progress: fn(&str),
    /// The folder of the identities on NATS; none where the server asks nobody who it is.
    pub(crate) identities: Option<PathBuf>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) args: BTreeMap<String, Vec<OsString>>,
    /// By process and server: where that process finds that server, when it is not the server's own address.
    pub(crate) ways: BTreeMap<(String, &'static str), String>,
}

impl Setup {
    /// Where a process writes its output.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    /// Where a service writes its admin address.
    pub(crate) fn admin_file(&self, name: &str) -> PathBuf {
        self.folder.join("admin").join(name)
    }

    /// The secret of an identity on NATS.
    pub(crate) fn seed(&self, identity: &str) -> Option<PathBuf> {
        Some(self.identities.as_ref()?.join(identity).join("seed"))
    }

    /// How to make the identities that are missing; none where nobody has any.
    pub(crate) fn make_identities(&self) -> Option<Spec> {
        let args = vec!["--out".into(), self.identities.as_ref()?.into()];
        Some(self.spec("identities", "identities", IDENTITIES, args))
    }

    /// How to start a server.
    pub(crate) fn server(&self, server: Server, port: u16) -> Result<Spec> {
        let name = server.as_str();
        let mut spec = server.spec(port, &self.folder.join(name), self.log(name))?;
        if let (Server::Nats, Some(folder)) = (server, &self.identities) {
            spec.args.extend(["-c".into(), folder.join("nats").join("authorization.conf").into()]);
        }
        spec.args.extend(self.args_of(name));
        Ok(spec)
    }

    /// How to run the provisioning.
    pub(crate) fn provision(&self) -> Spec {
        self.spec("provision", "provision", PROVISION, self.to_nats("provision", "provision"))
    }

    /// Where a process finds NATS, and who it is there.
    fn to_nats(&self, process: &str, identity: &str) -> Vec<OsString> {
        let seed = self.seed(identity).into_iter().flat_map(|file| ["--nats-nkey".into(), file.into()]);
        ["--nats-url".into(), OsString::from(self.url(process, Server::Nats))]
            .into_iter()
            .chain(seed)
            .collect()
    }

    /// How to run a service under a process name.
    pub(crate) fn service(&self, name: &str, service: Service) -> Result<Spec> {
        let mut args = self.to_nats(name, service.as_str());
        args.extend(["--admin-addr".into(), "127.0.0.1:0".into()]);
        args.extend(["--admin-file".into(), self.admin_file(name).into()]);
        if let Some(policy) = &self.policy {
            args.extend(["--policy".into(), policy.into()]);
        }
        if service == Service::Gateway {
            // Only the first gateway has the port that was asked for.
            let port = if name == service.as_str() { self.http_port } else { port::free()? };
            args.extend(["--http-addr".into(), format!("127.0.0.1:{port}").into()]);
            args.extend(["--redis-url".into(), self.url(name, Server::Redis).into()]);
        }
        Ok(self.spec(name, service.as_str(), &service.binary(), args))
    }

    /// Where a process finds a server.
    fn url(&self, name: &str, server: Server) -> String {
        let own = match server {
            Server::Nats => &self.nats_url,
            Server::Redis => &self.redis_url,
        };
        self.ways.get(&(name.to_owned(), server.as_str())).unwrap_or(own).clone()
    }

    fn args_of(&self, kind: &str) -> impl Iterator<Item = OsString> {
        self.args.get(kind).into_iter().flatten().cloned()
    }

    fn spec(&self, name: &str, kind: &str, binary: &str, mut args: Vec<OsString>) -> Spec {
        args.extend(self.args_of(kind));
        let program = self.bins.path(binary);
        Spec { name: name.to_owned(), program, args, env: self.env.clone(), log: self.log(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Builder;

    fn setup(builder: Builder) -> (tempfile::TempDir, Setup) {
        let folder = tempfile::tempdir().unwrap();
        let setup = builder.settle(Bins::in_folder("/bins"), Some(folder.path())).unwrap();
        (folder, setup)
    }

    fn words(spec: &Spec) -> String {
        let args: Vec<String> = spec.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        args.join(" ")
    }

    #[test]
    fn a_given_server_is_used_and_none_is_started() {
        let builder = Builder::default().nats_url("nats://elsewhere:4222").redis_port(17_777);
        let (_folder, setup) = setup(builder);
        assert_eq!(setup.nats_url, "nats://elsewhere:4222");
        assert_eq!(setup.redis_url, "redis://127.0.0.1:17777");
        assert_eq!(setup.ports.keys().collect::<Vec<_>>(), [&"redis"]);
        assert!(setup.make_identities().is_none() && !words(&setup.provision()).contains("--nats-nkey"));
    }

    #[test]
    fn each_service_gets_its_own_seed_and_the_server_knows_them() {
        let (folder, setup) = setup(Builder::default());
        let own = folder.path().canonicalize().unwrap().join("identities");
        for service in Service::ALL {
            let words = words(&setup.service(service.as_str(), service).unwrap());
            let seed = own.join(service.as_str()).join("seed");
            assert!(words.contains(&format!("--nats-nkey {}", seed.display())), "{words}");
            assert_eq!(words.matches("seed").count(), 1, "{words}");
        }
        let second = setup.service("cro-2", Service::Cro).unwrap();
        assert!(words(&second).contains("identities/cro/seed"), "replicas share one");
        assert_eq!(words(&setup.make_identities().unwrap()), format!("--out {}", own.display()));
    }

    #[test]
    fn only_the_gateway_learns_of_redis_and_http() {
        let (_folder, setup) = setup(Builder::default().http_port(8001));
        let cro = setup.service("cro", Service::Cro).unwrap();
        assert_eq!(cro.program, PathBuf::from("/bins/federation-cro"));
        assert!(!words(&cro).contains("redis") && !words(&cro).contains("8001"), "{}", words(&cro));
        let gateway = setup.service("gateway", Service::Gateway).unwrap();
        assert!(words(&gateway).contains("--http-addr 127.0.0.1:8001 --redis-url redis://"));
        let second = setup.service("gateway-2", Service::Gateway).unwrap();
        assert!(!words(&second).contains("8001"), "two cannot listen on one port");
    }

    #[test]
    fn a_process_may_reach_a_server_another_way_than_the_others() {
        let builder = Builder::default().nats_port(17_001).way("cro-2", Server::Nats, "nats://127.0.0.1:9");
        let (_folder, setup) = setup(builder);
        let cro = |name| words(&setup.service(name, Service::Cro).unwrap());
        assert!(cro("cro-2").contains("nats://127.0.0.1:9"), "{}", cro("cro-2"));
        assert!(cro("cro").contains("nats://127.0.0.1:17001"), "{}", cro("cro"));
        assert!(words(&setup.provision()).contains("nats://127.0.0.1:17001"));
    }

    #[test]
    fn arguments_go_to_the_service_that_they_are_for_and_variables_to_all() {
        let builder = Builder::default().arg("provision", "--slots").arg("provision", "2").env("A", "b");
        let (_folder, setup) = setup(builder);
        assert!(words(&setup.provision()).ends_with("--slots 2"));
        let arbiter = setup.service("arbiter", Service::Arbiter).unwrap();
        assert!(!words(&arbiter).contains("--slots"));
        assert_eq!(arbiter.env, [("A".to_owned(), "b".to_owned())]);
    }
}
