//! Images of this very program, so that a machine without any registry has something to run.

use navarch_runtime::cri::ImageConfig;
use navarch_runtime::images::BuiltIn;

/// By which every node knows the image of its own program.
pub(crate) const NAME: &str = concat!("navarch.local/navarch:", env!("CARGO_PKG_VERSION"));

/// An image of this program, whose containers run the subcommand.
pub(crate) fn program_image(name: &str, subcommand: &[&str]) -> BuiltIn {
    BuiltIn {
        name: name.to_owned(),
        // The one that runs, even when another has taken its place on disk.
        program: "/proc/self/exe".into(),
        path: "/navarch".into(),
        config: ImageConfig {
            entrypoint: vec!["/navarch".into()],
            cmd: subcommand.iter().map(|&word| word.to_owned()).collect(),
            ..ImageConfig::default()
        },
    }
}
