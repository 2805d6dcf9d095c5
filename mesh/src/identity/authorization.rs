//! The table as a nats-server reads it.

use std::fmt::Write as _;

use proto::subject::Subjects;

use super::{Identity, permissions};

/// How long after a question its answer is let through; who waits for one gives up much sooner.
const REPLY_WITHIN: &str = "5m";

/// The `authorization` block of a server's configuration: these identities by their public keys, and nobody else.
pub fn authorization<'a>(
    subjects: &Subjects,
    identities: impl IntoIterator<Item = (&'a Identity, &'a str)>,
) -> String {
    let mut text = String::from(
        "# Who may say and hear what. Written by federation-identities; changes made here are lost when it runs again.\n\
         authorization {\n  users: [\n",
    );
    for (identity, public_key) in identities {
        user(&mut text, subjects, identity, public_key);
    }
    text.push_str("  ]\n}\n");
    text
}

fn user(text: &mut String, subjects: &Subjects, identity: &Identity, public_key: &str) {
    let granted = permissions(identity, subjects);
    let replies = if granted.replies {
        format!("\n        allow_responses: {{ max: 1, expires: \"{REPLY_WITHIN}\" }}")
    } else {
        String::new()
    };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "    # {identity}
    {{
      nkey: {public_key}
      permissions: {{
        publish: {{ allow: [{}] }}
        subscribe: {{ allow: [{}] }}{replies}
      }}
    }}
",
        list(&granted.publish),
        list(&granted.subscribe),
    );
}

fn list(subjects: &[String]) -> String {
    let lines = subjects.iter().map(|subject| format!("\n          \"{subject}\""));
    format!("{}\n        ", lines.collect::<String>())
}
