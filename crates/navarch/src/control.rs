//! The socket by which `navarch image` and `navarch status` reach the process that has the data directory open: one line of JSON
//! asks, one answers. Only root may open it.

use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use navarch_runtime::cri::Runtime;
use navarch_runtime::images::Images;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The longest line that is read.
const LINE_BYTES: u64 = 16 << 20;
/// How long a client may take to ask.
pub(crate) const ASKING: Duration = Duration::from_secs(10);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Import these archives.
    Import(Vec<PathBuf>),
    /// List the images.
    List,
    /// Remove these images.
    Remove(Vec<String>),
}

/// An image, as it is listed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ImageRow {
    /// Its id.
    pub(crate) id: String,
    /// Its names.
    pub(crate) tags: Vec<String>,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// What is answered: the images that were imported or are there, or what went wrong.
type Reply = std::result::Result<Vec<ImageRow>, String>;

/// Carries out a request on the images.
/// `users`: what containers are, by id.
pub(crate) fn perform(
    images: &Images,
    users: &HashMap<String, String>,
    request: Request,
) -> Result<Vec<ImageRow>> {
    let found = match request {
        Request::Import(files) => images.import(&files)?,
        Request::List => images.list(),
        Request::Remove(names) => {
            for name in names {
                if images.get(&name)?.is_none() {
                    bail!("{name}: there is no such image");
                }
                let held = images.held_by(&name)?;
                if !held.is_empty() {
                    bail!(
                        "{name}: the image is in use by {}",
                        containers(&held, users)
                    );
                }
                images.remove(&name)?;
            }
            Vec::new()
        }
    };
    let row = |image: navarch_runtime::cri::Image| ImageRow {
        id: image.id,
        tags: image.tags,
        size: image.size,
    };
    Ok(found.into_iter().map(row).collect())
}

/// `container app of pod default/web`, or `3 containers: app of pod default/web, …`; one that is not known by its id.
fn containers(ids: &[String], users: &HashMap<String, String>) -> String {
    let short = |id: &String| id.get(..12).unwrap_or(id.as_str()).to_owned();
    let mut named: Vec<String> = ids
        .iter()
        .map(|id| users.get(id).cloned().unwrap_or_else(|| short(id)))
        .collect();
    named.sort();
    match named.as_slice() {
        [one] => format!("container {one}"),
        many => format!("{} containers: {}", many.len(), many.join(", ")),
    }
}

/// What the containers of a runtime are, by id.
async fn users(runtime: &dyn Runtime) -> Result<HashMap<String, String>> {
    let sandboxes = runtime.list_sandboxes().await?;
    let pods: HashMap<_, _> = sandboxes
        .into_iter()
        .map(|s| (s.id, format!("{}/{}", s.config.namespace, s.config.name)))
        .collect();
    let containers = runtime.list_containers().await?;
    Ok(containers
        .into_iter()
        .filter_map(|c| {
            let pod = pods.get(&c.sandbox_id)?;
            Some((c.id, format!("{} of pod {pod}", c.config.name)))
        })
        .collect())
}

/// Serves the socket until the future is dropped.
pub(crate) async fn serve(
    socket: PathBuf,
    images: Images,
    runtime: Arc<dyn Runtime>,
) -> Result<()> {
    // What lies there is left over: whoever has the images open has the data directory.
    let _ = std::fs::remove_file(&socket);
    let listener =
        UnixListener::bind(&socket).with_context(|| format!("socket {}", socket.display()))?;
    std::fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (images, runtime) = (images.clone(), runtime.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, images, &*runtime).await {
                tracing::debug!(%error, "a request on the control socket failed");
            }
        });
    }
}

async fn answer(mut stream: UnixStream, images: Images, runtime: &dyn Runtime) -> Result<()> {
    let request: Request = tokio::time::timeout(ASKING, receive(&mut stream))
        .await
        .context("nothing was asked")??;
    let users = match request {
        Request::Remove(_) => users(runtime).await?,
        _ => HashMap::new(),
    };
    let performed = tokio::task::spawn_blocking(move || perform(&images, &users, request)).await?;
    let reply: Reply = performed.map_err(|error| format!("{error:#}"));
    send(&mut stream, &reply).await
}

/// Asks the process that has the data directory open. `None`: there is none.
pub(crate) async fn ask(socket: &Path, request: &Request) -> Result<Option<Vec<ImageRow>>> {
    let Ok(mut stream) = UnixStream::connect(socket).await else {
        return Ok(None);
    };
    send(&mut stream, request).await?;
    let reply: Reply = receive(&mut stream).await?;
    reply.map(Some).map_err(anyhow::Error::msg)
}

pub(crate) async fn send(stream: &mut UnixStream, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await.context("control socket")
}

pub(crate) async fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream)
        .take(LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await
        .context("control socket")?;
    serde_json::from_slice(&line).context("control socket")
}
