//! The court stands on `proto` alone: nothing in it can reach a clock, a network or a runtime.

#[test]
fn nothing_but_proto_and_plain_data_is_depended_on() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, after) = manifest.split_once("[dependencies]").unwrap();
    let (dependencies, _) = after.split_once("\n[").unwrap();
    let names: Vec<&str> = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty())
        .collect();
    assert_eq!(names, ["proto", "serde", "serde_json", "thiserror"]);
}

#[test]
fn no_source_asks_for_the_time_or_for_chance() {
    let sources = [
        include_str!("../book.rs"),
        include_str!("../bounds.rs"),
        include_str!("../conflict.rs"),
        include_str!("../decisions.rs"),
        include_str!("../draft.rs"),
        include_str!("../expiry.rs"),
        include_str!("../freeze.rs"),
        include_str!("../holds.rs"),
        include_str!("../manual.rs"),
        include_str!("../review.rs"),
        include_str!("../standing.rs"),
        include_str!("../validity.rs"),
    ];
    for forbidden in
        ["SystemTime", "Instant", "HashMap", "HashSet", "std::env", "std::fs", "std::net", "async "]
    {
        assert!(sources.iter().all(|source| !source.contains(forbidden)), "{forbidden}");
    }
}
