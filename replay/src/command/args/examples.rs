//! The examples that `--help` ends with.

pub(super) const ALL: &str = "\
Examples:
  federation-replay run --synthetic 20000 --html run.html
  federation-replay export --stream events --out events.jsonl.gz
  federation-replay diff --events events.jsonl.gz --policy now.toml --policy then.toml --html diff.html
  federation-replay verify --nats-url nats://127.0.0.1:4222 --trimmed

Exit codes: 0 all is well; 1 it failed, or a ruling is not sound; 64 arguments or a policy that cannot be used.
`federation-replay help <command>` says more.";

pub(super) const RUN: &str = "\
Examples:
  Made-up events, and the picture of what was decided on them:
    federation-replay run --synthetic 20000 --seed 7 --portfolios 3 --html run.html
  What this policy would have decided on what the mesh has seen since Monday, for one portfolio:
    federation-replay run --nats-url nats://127.0.0.1:4222 --portfolio main --from 2026-01-05T00:00:00Z --policy p.toml
  An exported file, or one `fed.event/1` a line, compressed or not; `-` is standard input:
    federation-replay run --events events.jsonl.gz --json";

pub(super) const VERIFY: &str = "\
Examples:
  Was everything that the mesh keeps ruled right? (RULINGS keeps a number of rulings for each portfolio, hence --trimmed.)
    federation-replay verify --nats-url nats://127.0.0.1:4222 --policy policy.toml --trimmed
  The same of an exported file, or of what `run --rulings` wrote:
    federation-replay verify --rulings rulings.jsonl.gz --policy policy.toml

The first ruling that is not sound is named with the law that it breaks, and the exit code is 1.";

pub(super) const DIFF: &str = "\
Examples:
  What would change if this threshold were another, on last week's events?
    federation-replay diff --events week.jsonl.gz --policy now.toml --policy then.toml --html diff.html
  A policy against itself changes nothing:
    federation-replay diff --synthetic 1000 --policy now.toml --policy now.toml";

pub(super) const EXPORT: &str = "\
Examples:
  federation-replay export --stream events --out events.jsonl.gz
  federation-replay export --stream rulings --portfolio main --from 2026-01-05T00:00:00Z --out rulings.jsonl.gz
  zcat rulings.jsonl.gz | head -2 | tail -1 | python3 -m json.tool

The first line says which stream it is, with its identity; every further line is a message with its sequence. What is not JSON on one
line stands in base64. Ctrl-C ends it in order, and leaves no file.";
