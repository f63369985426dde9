//! An API server and nothing else, with a token for its administrator.

use tempfile::TempDir;

use crate::program::Program;
use crate::raw::Server;

const TOKEN: &str = "administrator";

/// A running `navarch server --components api`; gone with this.
pub(crate) struct ApiOnly {
    pub(crate) server: Server,
    _program: Program,
    _directory: TempDir,
}

impl ApiOnly {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let (data, tokens) = (at("data"), at("tokens"));
        std::fs::write(&tokens, format!("{TOKEN},admin,1,\"system:masters\"\n")).unwrap();
        let arguments = [
            "server",
            "--components=api",
            "--https-port=0",
            "--data-dir",
            &data,
            "--token-file",
            &tokens,
        ];
        let program = Program::start(&arguments, "ready", &directory.path().join("log"));
        Self {
            server: Server::of(&at("data/admin.kubeconfig"), TOKEN).await,
            _program: program,
            _directory: directory,
        }
    }
}
