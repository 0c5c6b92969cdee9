//! cargo run -p nexus-throttle --example log-server -- --directory /var/log --server 25MiB --connection 256KiB
//!
//! Big log files over raw TCP: a client sends a file's name and a newline, and gets its length, a newline and its bytes; or a
//! line that begins with `-` and says why not. The limits of the server and of each connection are changed by typing while
//! clients download; what runs is shown every second. `log-download` is its client.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

#[path = "support/console.rs"]
mod console;

use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use nexus_throttle::{Limiter, Rate, Throttled};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

const NAME_BYTES_MAX: u64 = 4096;
const NAME_TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:7070")]
    listen: String,
    /// The files that are served: this directory's, not those below it.
    #[arg(long, default_value = ".")]
    directory: PathBuf,
    /// For all connections together.
    #[arg(long, default_value = "0")]
    server: Rate,
    /// For each connection.
    #[arg(long, default_value = "0")]
    connection: Rate,
    /// How many at once.
    #[arg(long, default_value_t = 1000)]
    connections_max: usize,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let server = Limiter::new();
    console::limit_server(&server, arguments.server);
    console::limit_connections(&server, arguments.connection);

    let listener = TcpListener::bind(&arguments.listen).await?;
    println!("{} on {}", arguments.directory.display(), listener.local_addr()?);
    println!("{}", console::HELP);
    tokio::spawn(console::obey(server.clone()));
    tokio::spawn(console::show_progress(server.clone()));

    let directory: Arc<Path> = arguments.directory.into();
    let places = Arc::new(Semaphore::new(arguments.connections_max));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let stream = Throttled::new(stream, &server.named_child(peer.to_string()));
        let directory = Arc::clone(&directory);
        tokio::spawn(async move {
            match serve(stream, &directory).await {
                Ok(bytes) => println!("{peer}: {bytes} bytes sent"),
                Err(error) => println!("{peer}: {error}"),
            }
            drop(place);
        });
    }
}

async fn serve(stream: Throttled<TcpStream>, directory: &Path) -> io::Result<u64> {
    let mut stream = BufReader::new(stream);
    let mut name = String::new();
    timeout(NAME_TIME_MAX, (&mut stream).take(NAME_BYTES_MAX).read_line(&mut name)).await??;
    match open(directory, name.trim_end()).await {
        Ok((mut file, length)) => {
            stream.write_all(format!("{length}\n").as_bytes()).await?;
            let sent = tokio::io::copy(&mut (&mut file).take(length), &mut stream).await?;
            stream.shutdown().await?;
            Ok(sent)
        }
        Err(error) => {
            stream.write_all(format!("-{error}\n").as_bytes()).await?;
            stream.shutdown().await?;
            Err(error)
        }
    }
}

/// The file and its length at this moment: what is appended while it is sent is not sent.
async fn open(directory: &Path, name: &str) -> io::Result<(File, u64)> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a file's name, please, without a directory",
        ));
    };
    let file = File::open(directory.join(name)).await?;
    let about = file.metadata().await?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    Ok((file, about.len()))
}
