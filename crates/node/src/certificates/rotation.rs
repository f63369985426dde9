//! One certificate of a node, kept fresh for as long as the node runs.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use navarch_client::{Backoff, Client};
use tokio::sync::{Mutex, watch};

use super::obtaining::{ObtainError, obtain};
use super::{Pair, Purpose};

/// It is looked at the clock at least so often: a host may sleep, or its clock be put right.
const LOOK: Duration = Duration::from_secs(60);

/// Makes a client by which the next certificate is asked for. It is given the one that holds, if one does.
pub type Asking = Box<dyn Fn(Option<&Pair>) -> Result<Client, String> + Send + Sync>;

/// What there is to know of one certificate.
pub struct Rotation {
    node: String,
    purpose: Purpose,
    path: PathBuf,
    asking: Asking,
    current: watch::Sender<Option<Pair>>,
    /// Who asks: one at a time.
    renewing: Mutex<()>,
}

impl Rotation {
    /// Begins with what is on disk at `path`, where that is of use and this node's.
    pub fn new(node: &str, purpose: Purpose, path: PathBuf, asking: Asking) -> Self {
        let stored = Pair::load(&path).filter(|pair| pair.is_of(node, &purpose));
        let current = watch::Sender::new(stored);
        Self {
            node: node.to_owned(),
            purpose,
            path,
            asking,
            current,
            renewing: Mutex::new(()),
        }
    }

    /// The certificate of the moment, and those that follow.
    pub fn current(&self) -> watch::Receiver<Option<Pair>> {
        self.current.subscribe()
    }

    /// Asks for a certificate unless there is one that holds.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ensure(&self, now: Timestamp) -> Result<(), ObtainError> {
        if self.held(now).is_some() {
            return Ok(());
        }
        self.renew(now).await
    }

    /// Renews it before it ends and when it is to be another, until the future is dropped. What fails is tried again, first soon and then
    /// seldom.
    pub async fn keep(&self, clock: &dyn navarch_client::Clock) {
        let (mut failures, mut purpose) = (0, self.purpose.clone());
        let mut seen = self.current();
        let mut due = self.due(clock.now());
        loop {
            let now = clock.now();
            if seen.has_changed().unwrap_or(false) {
                // Somebody else has asked meanwhile.
                seen.mark_unchanged();
                due = self.due(now);
            }
            if now < due && self.is_right() {
                let left = Duration::try_from(due.duration_since(now)).unwrap_or(LOOK);
                // An error: that time is over.
                let _ = tokio::time::timeout(left.min(LOOK), purpose.changed()).await;
                continue;
            }
            let renewed = tokio::select! {
                renewed = self.renew(now) => renewed,
                // Nobody will approve what was asked for.
                () = purpose.changed() => continue,
            };
            match renewed {
                Ok(()) => {
                    failures = 0;
                    seen.mark_unchanged();
                    let now = clock.now();
                    due = self.due(now);
                    if due <= now || !self.is_right() {
                        // It is old already, by this clock, or not what was asked for: the next would be, too.
                        let _ = tokio::time::timeout(LOOK, purpose.changed()).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, ?purpose, "the node's certificate could not be renewed");
                    let wait = Backoff::REFLECTOR.after(failures);
                    let _ = tokio::time::timeout(wait, purpose.changed()).await;
                }
            }
        }
    }

    /// Asks for a new one now; after another has, where one does. It is used from now on, even where it cannot be stored.
    ///
    /// # Errors
    /// Why there is none; the one before is kept.
    pub async fn renew(&self, now: Timestamp) -> Result<(), ObtainError> {
        let _one = self.renewing.lock().await;
        let held = self.held(now);
        let client = (self.asking)(held.as_ref()).map_err(ObtainError::Unusable)?;
        let pair = obtain(&client, &self.node, &self.purpose).await?;
        self.current.send_replace(Some(pair.clone()));
        if let Err(error) = pair.store(&self.path) {
            let path = self.path.display();
            tracing::warn!(%error, %path, "the node's certificate could not be stored: it is lost at the next start");
        }
        Ok(())
    }

    /// Whether the one that there is, if there is one, is what would be asked for.
    fn is_right(&self) -> bool {
        let current = self.current.borrow();
        current
            .as_ref()
            .is_none_or(|pair| pair.names_all_of(&self.purpose))
    }

    fn held(&self, now: Timestamp) -> Option<Pair> {
        self.current.borrow().clone().filter(|pair| pair.holds(now))
    }

    /// When the next is asked for.
    fn due(&self, now: Timestamp) -> Timestamp {
        let times = self.current.borrow().as_ref().and_then(Pair::times);
        times.map_or(now, |(from, to)| deadline(from, to, random()))
    }
}

/// When a certificate is renewed: at a time between 70 and 90 per cent of its life, so that those of many nodes that came up together
/// do not all ask at once. `chance`: from 0 to 1.
fn deadline(from: Timestamp, to: Timestamp, chance: f64) -> Timestamp {
    let life = to.duration_since(from).as_secs_f64();
    let after = SignedDuration::try_from_secs_f64(life * (0.7 + 0.2 * chance));
    let at = after.ok().and_then(|after| from.checked_add(after).ok());
    at.unwrap_or(to)
}

/// A number from 0 to 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without random numbers all renew in the middle.
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_taken_where_it_is_this_nodes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("current.pem");
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let subject = &mut params.distinguished_name;
        subject.push(rcgen::DnType::CommonName, "system:node:n");
        let key = rcgen::KeyPair::generate().unwrap();
        let pair = Pair {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        };
        pair.store(&path).unwrap();
        let begun = |node: &str| {
            let asking: Asking = Box::new(|_: Option<&Pair>| Err("nobody".to_owned()));
            let rotation = Rotation::new(node, Purpose::Client, path.clone(), asking);
            rotation.current().borrow().clone()
        };
        assert_eq!(begun("n"), Some(pair));
        assert_eq!(begun("m"), None);
    }

    #[test]
    fn it_is_renewed_between_seven_and_nine_tenths() {
        let from = Timestamp::UNIX_EPOCH;
        let to = from + SignedDuration::from_secs(1000);
        let at = |chance| deadline(from, to, chance).as_second();
        assert_eq!((at(0.0), at(0.5), at(1.0)), (700, 800, 900));
        assert!((0..100).all(|_| (0.0..=1.0).contains(&random())));
        assert_eq!(deadline(to, from, 0.5).as_second(), 200, "nonsense");
    }
}
