//! The page: one file that needs nothing else, with everything in it that it promises.

use crate::desk::Desk;

/// Elements that are open in a page; every one that is opened is closed, in order.
fn well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let body = html.split("<style>").next().into_iter().chain(html.split("</style>").skip(1));
    for tag in body.flat_map(|part| part.split('<').skip(1)) {
        let (inside, _) = tag.split_once('>').unwrap_or_else(|| panic!("<{tag} does not end"));
        let name = inside.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "</{name}>"),
            None if inside.ends_with('/') || VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// Nothing is fetched from anywhere, and nothing is run.
fn stands_alone(html: &str) {
    for word in ["http://", "https://", "<script", "<link", "<img", "@import", "url("] {
        assert!(!html.contains(word), "{word}");
    }
}

#[test]
fn a_run_has_a_page_with_everything_in_it() {
    let desk = Desk::new();
    desk.told("run --synthetic 1500 --seed 5 --portfolios 2 --html run.html");
    let html = desk.read("run.html");
    well_formed(&html);
    stands_alone(&html);
    for word in [
        "made-up events, seed 5",
        "Trading mode",
        "Freezes",
        "Capital profile",
        "Drawdown",
        "Max leverage",
        "Max position",
        "Max drawdown",
        "Max exposure",
        "Stop-loss",
        "loosenings",
        "conflicts",
        "id=\"p-synthetic-1\"",
        "id=\"p-synthetic-2\"",
        "<title>CASHFLOW by cfo, 2026-01-05 ",
        "prefers-color-scheme: dark",
    ] {
        assert!(html.contains(word), "{word}");
    }
}

#[test]
fn many_portfolios_are_bounded_and_those_left_out_are_said() {
    let desk = Desk::new();
    desk.told("run --synthetic 2500 --seed 5 --portfolios 25 --html run.html");
    let html = desk.read("run.html");
    well_formed(&html);
    assert_eq!(html.matches("<section ").count(), 20);
    assert!(html.contains("5 further portfolios are left out below; the tables above count them."));
    assert!(html.len() < 3_000_000, "{}", html.len());
}

#[test]
fn a_comparison_shows_both_policies_and_what_differs_first() {
    let desk = Desk::new();
    desk.write("a.toml", "");
    let stricter = "drawdown = { above_pct = 0.001 }\nlift = { drawdown_below_pct = 0.0005 }\n";
    desk.write("b.toml", format!("[portfolio.synthetic-3.supervisor]\n{stricter}"));
    desk.told(
        "diff --synthetic 3000 --seed 5 --portfolios 3 --policy a.toml --policy b.toml --html diff.html",
    );
    let html = desk.read("diff.html");
    well_formed(&html);
    stands_alone(&html);
    for word in ["a.toml", "b.toml", "b − a", "only b makes it", "decisions that differ", "added"] {
        assert!(html.contains(word), "{word}");
    }
    let place = |portfolio: &str| html.find(&format!("<section id=\"p-{portfolio}\"")).unwrap();
    assert!(place("synthetic-3") < place("synthetic-1"), "the one that differs stands first");
}

#[test]
fn a_page_of_nothing_is_a_page() {
    let desk = Desk::new();
    desk.write("events.jsonl", "");
    desk.told("run --events events.jsonl --html run.html");
    well_formed(&desk.read("run.html"));
}
