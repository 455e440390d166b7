//! The key file: the signing secret of a host that was given none, made once and kept beside the database.
//!
//! It is written under another name with mode 0600 and then linked to its own, which fails when that exists: the file is never
//! overwritten, never half written, and of two hosts that start at once the second takes what the first made.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use flowmastery_core::entropy::{Entropy, random};
use secrecy::SecretString;

use crate::{
    failure::{Failure, Outcome},
    settings::{Database, LEAST_LENGTH},
};

const NAME: &str = "flowmastery.key";

/// Where the key of a host with this database is: beside its file, or in the working directory when it has none.
pub(crate) fn path_beside(database: &Database) -> PathBuf {
    let directory = database.file().and_then(|file| file.parent());
    directory.map_or_else(|| NAME.into(), |directory| directory.join(NAME))
}

/// The secret that a key file holds; made when there is none.
///
/// # Errors
/// When the file can be neither read nor made, or holds no secret; it is left as it is.
pub(crate) fn load_or_make(path: &Path, entropy: &dyn Entropy) -> Outcome<SecretString> {
    if let Some(secret) = load(path)? {
        return Ok(secret);
    }
    make(path, entropy)?;
    load(path)?.ok_or_else(|| Failure::new(format!("The key file {} was removed again.", path.display())))
}

fn load(path: &Path) -> Outcome<Option<SecretString>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "cannot be read").because(error)),
    };
    let secret = text.trim();
    if secret.len() < LEAST_LENGTH {
        return Err(failed(path, "holds no key of 32 characters or more; restore it from a back-up"));
    }
    Ok(Some(secret.into()))
}

fn make(path: &Path, entropy: &dyn Entropy) -> Outcome {
    let random_failed = |error| failed(path, "cannot be made").because(error);
    let key = STANDARD.encode(random::<48>(entropy).map_err(random_failed)?);
    let draft_id = URL_SAFE_NO_PAD.encode(random::<12>(entropy).map_err(random_failed)?);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{draft_id}"));
    let draft = PathBuf::from(draft);
    let linked = write_new(&draft, &key).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed(path, "cannot be made").because(error))
        }
        _ => removed.map_err(|error| failed(&draft, "cannot be removed").because(error)),
    }
}

fn write_new(path: &Path, key: &str) -> io::Result<()> {
    let mut file = create_private(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn failed(path: &Path, what: &str) -> Failure {
    Failure::new(format!("The key file {} {what}. SECRET_KEY takes its place when set.", path.display()))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use flowmastery_core::entropy::OsEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let made = load_or_make(&path, &OsEntropy).unwrap();
        assert_eq!(made.expose_secret().len(), 64);
        assert_eq!(load_or_make(&path, &OsEntropy).unwrap().expose_secret(), made.expose_secret());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn hosts_that_start_at_once_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let start = std::sync::Barrier::new(8);
        let keys: Vec<String> = thread::scope(|scope| {
            let host = || {
                start.wait();
                load_or_make(&path, &OsEntropy).unwrap().expose_secret().to_owned()
            };
            let hosts: Vec<_> = (0..8).map(|_| scope.spawn(host)).collect();
            hosts.into_iter().map(|host| host.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        fs::write(&path, "short").unwrap();
        let message = load_or_make(&path, &OsEntropy).unwrap_err().to_string();
        assert!(message.contains(NAME) && message.contains("SECRET_KEY"), "{message}");
        assert!(!message.contains("short"), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing").join(NAME);
        let message = load_or_make(&path, &OsEntropy).unwrap_err().to_string();
        assert!(message.contains("missing"), "{message}");
    }
}
