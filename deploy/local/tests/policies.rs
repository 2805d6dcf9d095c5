//! The policy files that come with the mesh can be used, and the written-out defaults are the compiled-in ones.

#![allow(clippy::panic, reason = "helpers of tests may panic as tests do")]
use local::feed::DEMO_POLICY;
use mesh::policy::PolicyFile;
use proto::id::PortfolioId;
use proto::policy::Policy;

const DEFAULTS: &str = include_str!("../../policy.toml");

/// A section as any portfolio without numbers of its own has it.
#[track_caller]
fn section<P: Policy>(text: &str, name: &'static str) -> P {
    let read = PolicyFile::from_text(text).and_then(|file| file.section::<P>(name));
    let section = read.unwrap_or_else(|bad| panic!("{bad}"));
    P::clone(&section.of(&PortfolioId::main()).policy)
}

macro_rules! every_section {
    ($($name:ident: $policy:ty),* $(,)?) => {
        #[test]
        fn the_written_defaults_are_the_compiled_in_ones() {
            $(assert_eq!(section::<$policy>(DEFAULTS, stringify!($name)), <$policy>::default());)*
        }

        #[test]
        fn the_demo_policy_can_be_used_and_is_no_default() {
            $(section::<$policy>(DEMO_POLICY, stringify!($name));)*
            let demo: court::policy::CourtPolicy = section(DEMO_POLICY, "court");
            assert!(demo.confirm_over < court::policy::CourtPolicy::default().confirm_over);
        }

        #[test]
        fn every_default_is_written_out() {
            let written: toml::Table = DEFAULTS.parse().unwrap();
            $(
                let compiled = toml::Table::try_from(<$policy>::default()).unwrap();
                let lacks = missing(&compiled, written[stringify!($name)].as_table().unwrap());
                assert!(lacks.is_empty(), "{}: {lacks:?}", stringify!($name));
            )*
        }
    };
}

every_section! {
    supervisor: supervisor::Policy,
    cro: cro::Policy,
    ceo: ceo::Policy,
    cio: cio::Policy,
    cfo: cfo::Policy,
    researcher: researcher::Policy,
    court: court::policy::CourtPolicy,
}

/// The fields of one table that the other lacks, with dots for what lies deeper.
fn missing(compiled: &toml::Table, written: &toml::Table) -> Vec<String> {
    let deeper = |name: &str, value: &toml::Value| match (value, written.get(name)) {
        (_, None) => vec![name.to_owned()],
        (toml::Value::Table(compiled), Some(toml::Value::Table(written))) => {
            missing(compiled, written).into_iter().map(|field| format!("{name}.{field}")).collect()
        }
        (_, Some(_)) => Vec::new(),
    };
    compiled.iter().flat_map(|(name, value)| deeper(name, value)).collect()
}
