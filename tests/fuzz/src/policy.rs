//! Policy files: the services and the model read them as the same, and whatever they take can be gone by.

use court::policy::CourtPolicy;
use mesh::policy::{BadPolicy, PolicyFile};
use proto::id::{PolicyRevision, PortfolioId};
use proto::policy::Policy;
use replay::{Model, Policies, Synthetic};

use crate::Taken;
use crate::judge::sound;

/// How many made-up events are ruled by a policy that was taken.
const TOLD: usize = 12;

pub(crate) fn run(input: &[u8]) -> Taken {
    let Ok(text) = std::str::from_utf8(input) else { return Taken::No };
    let (services, model) = (services(text), Policies::parse(text));
    match (services, model) {
        (Ok(revision), Ok(policies)) => {
            assert_eq!(revision, *policies.revision(), "one file, two revisions");
            go_by(policies);
            Taken::Yes
        }
        (Err(bad), Err(unlike)) => {
            assert!(!bad.mistakes().is_empty(), "a refusal that names nothing");
            let lines = text.lines().count().max(1);
            for mistake in bad.mistakes() {
                assert!(!mistake.what.is_empty());
                assert!(mistake.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{mistake:?}");
            }
            assert!(!unlike.to_string().is_empty());
            Taken::No
        }
        (Ok(_), Err(bad)) => panic!("the services take what the model refuses: {bad}"),
        (Err(bad), Ok(_)) => panic!("the model takes what the services refuse: {bad}"),
    }
}

/// All sections, as the services read them: one binary each.
fn services(text: &str) -> Result<PolicyRevision, BadPolicy> {
    let file = PolicyFile::from_text(text)?;
    section::<CourtPolicy>(&file, "court")?;
    section::<supervisor::Policy>(&file, "supervisor")?;
    section::<cro::Policy>(&file, "cro")?;
    section::<ceo::Policy>(&file, "ceo")?;
    section::<cio::Policy>(&file, "cio")?;
    section::<cfo::Policy>(&file, "cfo")?;
    section::<researcher::Policy>(&file, "researcher")?;
    Ok(file.revision())
}

/// A section that was taken has no mistakes, and written out it is taken again.
fn section<P: Policy>(file: &PolicyFile, name: &'static str) -> Result<(), BadPolicy> {
    let section = file.section::<P>(name)?;
    let policy = section.of(&PortfolioId::main()).policy;
    assert!(policy.mistakes().is_empty(), "{name} was taken with mistakes");
    let table = toml::Table::try_from(policy.as_ref()).expect("a policy has a TOML form");
    let written = toml::Table::from_iter([(name.to_owned(), toml::Value::Table(table.clone()))]).to_string();
    let again = PolicyFile::from_text(&written).and_then(|file| file.section::<P>(name));
    let again = again.unwrap_or_else(|bad| panic!("written out it is refused: {bad}\n{written}"));
    let again = toml::Table::try_from(again.common().policy.as_ref()).expect("a policy has a TOML form");
    assert_eq!(again, table, "written out it is another");
    Ok(())
}

fn go_by(policies: Policies) {
    let mut model = Model::new(policies);
    let main = PortfolioId::main();
    for event in Synthetic::new(3, 1).expect("a portfolio's name").take(TOLD) {
        let event = proto::event::Event { portfolio: main.clone(), ..event };
        model.tell(event).expect("a JSON form").iter().for_each(sound);
    }
}

/// The policy files that come with the mesh.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let defaults = include_bytes!("../../../deploy/policy.toml");
    let demo = include_bytes!("../../../deploy/local/demo.toml");
    vec![defaults.to_vec(), demo.to_vec()]
}
