//! The keys of identities: a secret seed each, in a file of its own, and the server's configuration of their public keys.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nkeys::{KeyPair, KeyPairType};
use proto::subject::Subjects;

use super::{Identity, authorization};

/// The name of each identity's file, in a folder of the identity's name.
const SEED: &str = "seed";
/// Where the server's part is: a folder of its own too, so that each can be handed out alone.
const AUTHORIZATION: [&str; 2] = ["nats", "authorization.conf"];

/// The secret by which somebody shows who it is.
pub struct Seed(KeyPair);

/// A seed that cannot be used, without a word of it.
#[derive(Debug, thiserror::Error)]
pub enum BadSeed {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It holds something else.
    #[error("it holds no nkey seed of a user: expected one line that begins with SU")]
    NotOne,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Identities that got a new seed.
    pub new: Vec<Identity>,
    /// Identities that had one, which was left as it is.
    pub kept: Vec<Identity>,
    /// The server's configuration.
    pub authorization: PathBuf,
}

impl Seed {
    /// Reads a file that holds a seed and nothing else but white space.
    ///
    /// # Errors
    /// See [`BadSeed`].
    pub fn read(file: &Path) -> Result<Self, BadSeed> {
        let text = fs::read_to_string(file)?;
        let pair = KeyPair::from_seed(text.trim()).map_err(|_| BadSeed::NotOne)?;
        if pair.key_pair_type() == KeyPairType::User { Ok(Self(pair)) } else { Err(BadSeed::NotOne) }
    }

    /// What the server knows it by.
    pub fn public_key(&self) -> String {
        self.0.public_key()
    }

    /// The secret itself.
    ///
    /// # Errors
    /// Only a public key is known; never for one that was read or made.
    pub fn secret(&self) -> anyhow::Result<String> {
        self.0.seed().context("a key without its seed")
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Seed").field(&self.public_key()).finish()
    }
}

/// Makes a seed for each identity that has none in the folder, and writes the server's configuration anew.
///
/// # Errors
/// The folder cannot be written to, or holds a seed that is none.
pub fn make(folder: &Path, subjects: &Subjects, identities: Vec<Identity>) -> anyhow::Result<Made> {
    let (mut new, mut kept, mut keys) = (Vec::new(), Vec::new(), BTreeMap::new());
    for identity in identities {
        let file = folder.join(identity.name()).join(SEED);
        let seed = if file.exists() {
            kept.push(identity.clone());
            Seed::read(&file).with_context(|| file.display().to_string())?
        } else {
            new.push(identity.clone());
            write_new(&file).with_context(|| format!("cannot write {}", file.display()))?
        };
        keys.insert(identity, seed.public_key());
    }
    let file = AUTHORIZATION.iter().fold(folder.to_owned(), |path, part| path.join(part));
    let users = keys.iter().map(|(identity, key)| (identity, key.as_str()));
    let text = authorization(subjects, users);
    replace(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Made { new, kept, authorization: file })
}

/// Never writes over a file: a seed that is lost locks its service out.
fn write_new(file: &Path) -> anyhow::Result<Seed> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let seed = Seed(KeyPair::new_user());
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(written, "{}", seed.secret()?)?;
    written.sync_all()?;
    Ok(seed)
}

/// A server that reads the file meanwhile finds the old one or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension("draft");
    fs::write(&draft, text)?;
    fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proto::id::Role;

    use super::*;

    #[test]
    fn seeds_are_secret_and_are_never_made_anew_by_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let subjects = Subjects::default();
        let first = make(folder.path(), &subjects, Identity::all([Role::CRO])).unwrap();
        assert_eq!((first.new.len(), first.kept.len()), (5, 0));
        let file = folder.path().join("cro/seed");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let cro = Seed::read(&file).unwrap();

        let again = make(folder.path(), &subjects, Identity::all([Role::CRO, Role::CEO])).unwrap();
        assert_eq!((again.new, again.kept.len()), (vec![Identity::Role(Role::CEO)], 5));
        assert_eq!(Seed::read(&file).unwrap().public_key(), cro.public_key());
        let conf = fs::read_to_string(again.authorization).unwrap();
        assert!(conf.contains(&cro.public_key()) && !conf.contains(&cro.secret().unwrap()), "{conf}");
        assert!(write_new(&file).is_err(), "a seed that is there is not written over");
    }

    #[test]
    fn what_is_no_seed_is_refused_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seed");
        let account = KeyPair::new_account().seed().unwrap();
        for text in ["", "secret", &account, "UAGITZ6EYTXVZBJR7YEQ7QYVZ7JHFPFJVVSPSHRDFYGZ5Q3LQZNLOJEO"] {
            fs::write(&file, text).unwrap();
            let refused = Seed::read(&file).unwrap_err().to_string();
            assert!(refused.contains("begins with SU") && !refused.contains("secret"), "{refused}");
        }
    }
}
