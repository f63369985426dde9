//! What stored pods take of the API server's memory.

use std::sync::Arc;

use anyhow::{Result, ensure};
use http::Method;

use super::memory::Memory;
use crate::api::Api;
use crate::figures;
use crate::load::{self, Until};
use crate::objects;
use crate::options::Common;
use crate::scope::{in_namespace, service_account};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's process.
    #[arg(long, value_name = "PID")]
    pid: u32,
    /// How many pods.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    pods: usize,
    /// The bytes of each as the server answers it, in the middle: those of a pod that runs in earnest, with its managed fields. Pods are
    /// of all sizes from four to six fifths of it, for an allocator may suit one size well and its neighbour badly.
    #[arg(long, default_value_t = 5120, value_name = "N")]
    bytes: usize,
}

/// How many sizes there are.
const SIZES: usize = 64;

/// What the pod of this turn has more or less than `bytes`: evenly spread, and nothing on the whole.
fn deviation(bytes: usize, turn: usize) -> isize {
    let step = isize::try_from(bytes / 5 * 2 / SIZES).unwrap_or_default();
    // 37 has no divisor in common with the sizes: neighbours in time are not neighbours in size.
    let place = isize::try_from(turn * 37 % SIZES).unwrap_or_default();
    (2 * place - 63) * step / 2
}

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    in_namespace(&api, |namespace| measure(api.clone(), namespace, args)).await
}

async fn measure(api: Arc<Api>, namespace: String, args: &Args) -> Result<()> {
    service_account(&api, &namespace).await?;
    let collection: Arc<str> = format!("/api/v1/namespaces/{namespace}/pods").into();
    // What the first requests of their kind make for good is not the pods'.
    let plain = objects::pod("first", "none", 0, objects::Placement::Spread);
    api.create(&collection, &plain).await?;
    let first = api
        .json(Method::GET, &format!("{collection}/first"), None)
        .await?;
    let missing = args.bytes.checked_sub(first.to_string().len());
    ensure!(
        missing.is_some(),
        "a pod has {} bytes without padding",
        first.to_string().len()
    );
    let missing = missing.unwrap_or_default();
    // What an annotation takes beside what is in it, in the object and in its managed fields, is seen by one.
    let sample = objects::padded_pod("stored-sample", 0, missing);
    api.create(&collection, &sample).await?;
    let sample = api
        .json(Method::GET, &format!("{collection}/stored-sample"), None)
        .await?;
    let padding = (missing + args.bytes).saturating_sub(sample.to_string().len());
    let before = Memory::of(args.pid)?;
    let (creator, to) = (api.clone(), collection.clone());
    let bytes = args.bytes;
    let create = move |turn| {
        let (api, collection) = (creator.clone(), to.clone());
        async move {
            let padding = padding.saturating_add_signed(deviation(bytes, turn));
            let pod = objects::padded_pod(&format!("stored-{turn}"), turn, padding);
            api.create(&collection, &pod).await
        }
    };
    load::run(8, Until::count(args.pods), create).await?;
    let mut bytes = 0;
    for turn in 0..SIZES.min(args.pods) {
        let path = format!("{collection}/stored-{turn}");
        bytes += api.json(Method::GET, &path, None).await?.to_string().len();
    }
    figures::print("pod", float(bytes) / float(SIZES.min(args.pods)), "bytes");
    let grown = Memory::of(args.pid)?
        .proportional
        .saturating_sub(before.proportional);
    let thousands = float(args.pods) / 1000.0;
    let grown = float(usize::try_from(grown)?) / 1024.0;
    figures::print("per_1000_pods_pss", grown / thousands, "MiB");
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of pods and KiB are far below 2^52"
)]
fn float(number: usize) -> f64 {
    number as f64
}
