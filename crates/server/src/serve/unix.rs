//! A listening socket in the file system: who may connect, and what becomes of one that was left behind.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};
use tokio::net::{UnixListener, UnixStream};

/// The socket, and its file: dropping it removes the file, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file.
    file: (u64, u64),
}

impl Socket {
    /// Listens at this path. Takes the place of a socket that nobody listens on any more, as a kill leaves it behind; of
    /// nothing else. To be called in a runtime.
    ///
    /// # Errors
    /// Something else is there, somebody listens there, or the file system refuses.
    pub(crate) fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        make_room(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        let file = identity(path)?;
        Ok(Socket {
            listener,
            path: path.to_owned(),
            file,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // If it stays, the next start takes its place.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

fn make_room(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let refused = |text| Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    if !there.file_type().is_socket() {
        return refused("a file is there that is no socket: choose another path, or move it away");
    }
    match knock(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => refused("a process listens there already: stop it, or choose another path"),
    }
}

/// Connects, without waiting for a listener whose queue is full.
fn knock(path: &Path) -> io::Result<()> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_has_its_permissions_and_goes_with_its_listener() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.sock");
        for expected in [0o660, 0o600] {
            let socket = Socket::bind(&path, expected).unwrap();
            assert_eq!(mode(&path), expected);
            let client = UnixStream::connect(&path).await.unwrap();
            socket.accept().await.unwrap();
            drop((socket, client));
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_taken_over_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as after a kill");
        let first = Socket::bind(&path, 0o660).unwrap();

        let second = Socket::bind(&path, 0o660).unwrap_err();
        assert_eq!(
            second.to_string(),
            "a process listens there already: stop it, or choose another path"
        );
        UnixStream::connect(&path).await.unwrap();
        first.accept().await.unwrap();
        drop(first);

        fs::write(&path, "precious").unwrap();
        let third = Socket::bind(&path, 0o660).unwrap_err();
        assert_eq!(
            third.to_string(),
            "a file is there that is no socket: choose another path, or move it away"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_file_that_took_the_place_of_the_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.sock");
        let socket = Socket::bind(&path, 0o660).unwrap();
        fs::remove_file(&path).unwrap();
        let other = Socket::bind(&path, 0o660).unwrap();
        drop(socket);
        UnixStream::connect(&path).await.unwrap();
        other.accept().await.unwrap();
    }
}
