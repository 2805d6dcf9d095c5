//! Accounts: who may read and command over HTTP. Tokens are kept as hashes and compared in constant time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mesh::BadConfiguration;
use proto::command::{Person, Rank};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The bytes of a SHA-256 hash.
const HASH_BYTES: usize = 32;
/// The longest name; it stands in every ruling that its owner brought about.
const MAX_NAME_CHARS: usize = 64;
/// How to make a token and its hash, for who has to.
const HOW: &str = "token=$(openssl rand -hex 32); printf %s \"$token\" | sha256sum";

/// Who may do what, by the hash of the token that they show.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<[Account]>);

#[derive(Debug)]
struct Account {
    person: Person,
    hash: [u8; HASH_BYTES],
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    account: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    rank: Rank,
    token_sha256: String,
}

impl Accounts {
    /// Reads the file of accounts.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn open(path: &Path) -> Result<Self, BadConfiguration> {
        let wrong = |what: String| BadConfiguration::new(format!("--accounts {}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|failed| wrong(failed.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|failed| failed.to_string())?;
        let mut mistakes = Vec::new();
        if document.account.is_empty() {
            mistakes.push(format!("no [[account]], expected at least one ({HOW})"));
        }
        let (mut names, mut hashes) = (BTreeSet::new(), BTreeSet::new());
        let mut accounts = Vec::new();
        for (number, entry) in (1..).zip(document.account) {
            let mut expect = |good: bool, field: &str, expected: &str| {
                if !good {
                    mistakes.push(format!("account {number}: {field}, expected {expected}"));
                }
            };
            let name = entry.name;
            let good_name = (1..=MAX_NAME_CHARS).contains(&name.chars().count())
                && name.chars().all(|letter| letter.is_ascii_graphic());
            expect(good_name, &format!("name {name:?}"), "1 to 64 printable ASCII characters without spaces");
            expect(names.insert(name.clone()), &format!("name {name:?} again"), "a name of its own");
            let hash = hash_from_hex(&entry.token_sha256);
            expect(hash.is_some(), "token_sha256", &format!("64 hexadecimal digits ({HOW})"));
            let Some(hash) = hash else { continue };
            expect(hashes.insert(hash), "token_sha256 of another account", "a token of its own");
            accounts.push(Account { person: Person { name, rank: entry.rank }, hash });
        }
        if mistakes.is_empty() { Ok(Self(accounts.into())) } else { Err(mistakes.join("\n  ")) }
    }

    /// Whose token this is. Looks at every account, so that the time it takes tells nothing.
    pub fn find(&self, token: &str) -> Option<&Person> {
        let shown: [u8; HASH_BYTES] = Sha256::digest(token).into();
        let mut found = u64::MAX;
        for (index, account) in (0..).zip(self.0.iter()) {
            found.conditional_assign(&index, account.hash.ct_eq(&shown));
        }
        let account = usize::try_from(found).ok().and_then(|index| self.0.get(index))?;
        Some(&account.person)
    }
}

fn hash_from_hex(text: &str) -> Option<[u8; HASH_BYTES]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (text.len() == 2 * HASH_BYTES).then(|| bytes.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, rank: &str, token: &str) -> String {
        let hash: [u8; HASH_BYTES] = Sha256::digest(token).into();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[[account]]\nname = {name:?}\nrank = {rank:?}\ntoken_sha256 = {hex:?}\n")
    }

    #[test]
    fn a_token_is_its_owners_and_nobody_elses() {
        let text = account("ada", "approver", "one") + &account("bob", "viewer", "two");
        let accounts = Accounts::parse(&text).unwrap();
        let who = |token| accounts.find(token).map(|person| (person.name.as_str(), person.rank));
        assert_eq!(who("one"), Some(("ada", Rank::Approver)));
        assert_eq!(who("two"), Some(("bob", Rank::Viewer)));
        assert_eq!((who("three"), who("")), (None, None));
    }

    #[test]
    fn every_mistake_of_the_file_is_named() {
        let twice = account("ada", "operator", "one") + &account("ada", "operator", "one");
        let text = twice + "[[account]]\nname = \"a b\"\nrank = \"viewer\"\ntoken_sha256 = \"xy\"\n";
        let told = Accounts::parse(&text).unwrap_err();
        for expected in [
            "account 2: name \"ada\" again",
            "account 2: token_sha256 of another account",
            "account 3: name \"a b\"",
            "account 3: token_sha256, expected 64 hexadecimal digits",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(Accounts::parse("").unwrap_err().contains("at least one"));
        assert!(
            Accounts::parse("[[account]]\nname = \"x\"\ntoken = \"secret\"\n").is_err(),
            "no plain tokens"
        );
        assert!(Accounts::parse(&account("x", "king", "one")).unwrap_err().contains("king"));
    }
}
