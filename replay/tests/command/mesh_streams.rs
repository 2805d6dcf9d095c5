//! The command against the streams of a mesh: exported, replayed, verified.

use async_nats::HeaderMap;
use mesh::nats::Nats;
use mesh::publish::{ACK_TIMEOUT, publish_acked};
use mesh::streams::{MeshConfig, check, provision};
use proto::event::Event;
use proto::ruling::Ruling;
use proto::wire::Message as _;
use replay::{Model, Policies, Synthetic};

use crate::desk::{Desk, lines_of_json};
use crate::server::{Server, options};

/// How many events there are, of two portfolios in turn.
const EVENTS: usize = 120;

/// A mesh's streams with a morning in them, and no services.
struct World {
    server: Server,
    nats: Nats,
    config: MeshConfig,
    rulings: Vec<Ruling>,
}

impl World {
    async fn new() -> Self {
        let server = Server::start();
        let nats = server.nats("test").await;
        provision(&nats, &options(&[]).unwrap(), false).await.unwrap();
        let config = check(&nats).await.unwrap();
        let mut world = Self { server, nats, config, rulings: Vec::new() };
        let mut model = Model::new(Policies::defaults().unwrap());
        for event in Synthetic::new(5, 2).unwrap().take(EVENTS) {
            world.happen(&event).await;
            for ruling in model.tell(event).unwrap() {
                let subject =
                    world.nats.subjects.ruling(ruling.portfolio.slot(world.config.slots), &ruling.portfolio);
                world.publish(subject, ruling.to_bytes().unwrap()).await;
                world.rulings.push(ruling);
            }
        }
        world
    }

    async fn happen(&self, event: &Event) {
        let slot = event.portfolio.slot(self.config.slots);
        let subject = self.nats.subjects.event(slot, &event.portfolio, event.kind());
        self.publish(subject, event.to_bytes().unwrap()).await;
    }

    async fn publish(&self, subject: String, bytes: Vec<u8>) {
        publish_acked(&self.nats, subject, HeaderMap::new(), bytes.into(), ACK_TIMEOUT).await.unwrap();
    }

    fn url(&self) -> String {
        self.server.url()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_replays_and_verifies_as_the_mesh_itself() {
    let (world, desk) = (World::new().await, Desk::new());
    let url = world.url();
    let exported = desk.told(&format!("export --nats-url {url} --out events.jsonl.gz --json"));
    let exported = &lines_of_json(&exported)[0];
    assert_eq!((&exported["stream"], &exported["messages"]), (&"EVENTS".into(), &EVENTS.into()));
    assert_eq!((&exported["first"], &exported["last"]), (&1.into(), &EVENTS.into()));

    desk.told(&format!("run --nats-url {url} --rulings mesh.jsonl"));
    desk.told("run --events events.jsonl.gz --rulings file.jsonl");
    desk.told(&format!("run --synthetic {EVENTS} --seed 5 --portfolios 2 --rulings seed.jsonl"));
    assert_eq!(desk.read("mesh.jsonl"), desk.read("seed.jsonl"));
    assert_eq!(desk.read("file.jsonl"), desk.read("seed.jsonl"));

    let sound = format!("{} rulings are sound", world.rulings.len());
    assert!(desk.told(&format!("verify --nats-url {url}")).starts_with(&sound));
    desk.told(&format!("export --stream rulings --nats-url {url} --out rulings.jsonl.gz"));
    assert!(desk.told("verify --rulings rulings.jsonl.gz").starts_with(&sound), "a ruling keeps its bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_mean_the_same_for_the_mesh_and_for_its_export() {
    let (world, desk) = (World::new().await, Desk::new());
    let url = world.url();
    desk.told(&format!("export --nats-url {url} --out events.jsonl.gz"));
    let at = &world.rulings[40].event.at;
    for limits in [
        "--portfolio synthetic-2".to_owned(),
        "--from 11 --to 30".to_owned(),
        format!("--from {at} --portfolio synthetic-1"),
        "--from 9999".to_owned(),
    ] {
        let counts = |source: &str| {
            let told = desk.told(&format!("run {source} {limits} --json"));
            let mut lines = lines_of_json(&told);
            lines.truncate(lines.len() - 1);
            lines
        };
        let (mesh, file) = (counts(&format!("--nats-url {url}")), counts("--events events.jsonl.gz"));
        assert_eq!(mesh, file, "{limits}");
        let made_up = counts(&format!("--synthetic {EVENTS} --seed 5 --portfolios 2"));
        assert_eq!(mesh, made_up, "{limits}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_exported_too_and_named_by_its_sequence() {
    let (world, desk) = (World::new().await, Desk::new());
    let url = world.url();
    world.publish("fed.event.1.main.clock.due".to_owned(), b"what?\n".to_vec()).await;
    desk.told(&format!("export --nats-url {url} --from {EVENTS} --out events.jsonl.gz"));
    let trouble = desk.trouble("run --events events.jsonl.gz");
    assert!(trouble.contains("events.jsonl.gz:3: this is no event: expected value"), "{trouble}");
    let trouble = desk.trouble(&format!("run --nats-url {url}"));
    let place = format!("EVENTS, sequence {}: this is no event", EVENTS + 1);
    assert!(trouble.contains(&place), "{trouble}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rulings_that_begin_late_are_verified_when_that_is_asked_for() {
    let (world, desk) = (World::new().await, Desk::new());
    let url = world.url();
    let trouble = desk.trouble(&format!("verify --nats-url {url} --from 20"));
    assert!(trouble.contains("RULINGS, sequence 20") && trouble.contains("--trimmed"), "{trouble}");
    let text = desk.told(&format!("verify --nats-url {url} --from 20 --trimmed"));
    assert!(text.contains("2 portfolios begin after their first ruling"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_when_an_export_fails() {
    let (world, desk) = (World::new().await, Desk::new());
    let url = world.url();
    let misuse =
        desk.misuse(&format!("export --stream dead --portfolio main --nats-url {url} --out dead.jsonl.gz"));
    assert!(misuse.contains("--portfolio"), "{misuse}");
    let trouble = desk.trouble(&format!("export --prefix other --nats-url {url} --out events.jsonl.gz"));
    assert!(trouble.contains("other_EVENTS does not exist"), "{trouble}");
    let trouble = desk.trouble(&format!("export --nats-url {url} --out nowhere/events.jsonl.gz"));
    assert!(trouble.contains("creating nowhere/events.jsonl.gz"), "{trouble}");
    assert_eq!(desk.files(), Vec::<String>::new());
    assert_eq!(
        lines_of_json(
            &desk.told(&format!("export --stream dead --nats-url {url} --out dead.jsonl.gz --json"))
        )[0]["messages"],
        0
    );
    assert_eq!(desk.files(), ["dead.jsonl.gz"]);
}
