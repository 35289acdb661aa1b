//! Folders that only root may write in: what is read from them becomes the ruleset.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Who may write in it, of a folder's mode, beside its owner.
const OTHERS_WRITE: u32 = 0o022;

/// Makes a folder if there is none, and looks at the one that there is.
///
/// # Errors
/// Whatever the operating system says, and what [`check`] says.
pub fn make(path: &Path) -> io::Result<()> {
    // Whatever the mask of new files is, others must not write here.
    DirBuilder::new().recursive(true).mode(0o755).create(path)?;
    check(path)
}

/// Looks at a folder: others must not be able to put files into it. One that is not there is nobody's.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] with the reason.
pub fn check(path: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    let shown = path.display();
    if metadata.mode() & OTHERS_WRITE != 0 {
        return refused(format!("others can write in {shown}, and what is read there is enforced: chmod go-w {shown}"));
    }
    let (owner, own) = (metadata.uid(), fs::metadata("/proc/self")?.uid());
    if owner != 0 && owner != own {
        return refused(format!(
            "{shown} belongs to user {owner}, and what is read there is enforced: chown root {shown}"
        ));
    }
    Ok(())
}

/// Removes a file. That there is none is fine.
///
/// # Errors
/// Whatever else the operating system says.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Replaces a file as a whole. Nobody is followed to where a link of the new file's name leads. What is to outlive the
/// machine's next crash has to be on the disk when `write` returns: the new name might reach it before the content.
///
/// # Errors
/// Whatever the operating system says; those of `write`, and then the old file stays.
pub fn replace(folder: &Path, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let whole = folder.join(format!("{name}.{}", std::process::id()));
    // What an earlier process of this number left.
    remove(&whole)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&whole)?;
    write(&mut file)?;
    fs::rename(&whole, folder.join(name))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;
    use crate::run_dir::RunDir;
    use crate::state_dir::StateDir;

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("palisade-folder-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        path
    }

    fn is_root() -> bool {
        fs::metadata("/proc/self").unwrap().uid() == 0
    }

    #[test]
    fn a_folder_that_others_can_write_in_is_refused() {
        let path = folder("shared");
        make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & OTHERS_WRITE, 0);
        fs::write(path.join("baseline"), "planted").unwrap();
        for mode in [0o777, 0o775, 0o757, 0o1777] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let (run, state) = (RunDir::at(path.clone()), StateDir::at(path.clone()));
            for error in [
                run.create().unwrap_err(),
                run.replace("a", "").unwrap_err(),
                state.replace("a", "").unwrap_err(),
                state.check().unwrap_err(),
            ] {
                assert!(error.to_string().contains("chmod go-w"), "{mode:o}: {error}");
            }
            assert!(run.lock("a test", std::time::Duration::ZERO).is_err());
            assert!(
                crate::last_good::recall::<crate::source::host_texts::HostTexts>(&state)
                    .unwrap_err()
                    .to_string()
                    .contains("chmod go-w")
            );
        }
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        if !is_root() {
            return;
        }
        let path = folder("foreign");
        make(&path).unwrap();
        chown(&path, Some(65_534), None).unwrap();
        assert!(check(&path).unwrap_err().to_string().contains("belongs to user 65534"));
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
        let path = folder("links");
        make(&path).unwrap();
        let victim = path.join("victim");
        fs::write(&victim, "untouched").unwrap();
        for name in [format!("facts.{}", std::process::id()), "facts".to_owned()] {
            symlink(&victim, path.join(name)).unwrap();
        }
        replace(&path, "facts", |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(path.join("facts")).unwrap(), "new");
        assert!(fs::symlink_metadata(path.join("facts")).unwrap().is_file());
        fs::remove_dir_all(&path).unwrap();
    }
}
