//! The certificates that a process shows: each made by the cluster's own authority, renewed when two thirds of its life are over, and
//! handed on to whatever shows it.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::pki::Pki;
use crate::{Error, Issued, Purpose, Result, Subject};

/// Takes a new certificate into use. Called once for the first, too.
pub type InUse = Box<dyn Fn(&Issued) -> std::result::Result<(), String> + Send>;

/// One certificate.
pub struct Leaf {
    /// Under which it is kept: `apiserver` for `apiserver.crt` and `apiserver.key`.
    pub name: String,
    /// Whom it names.
    pub subject: Subject,
    /// What it is for.
    pub purpose: Purpose,
    /// Who shows it.
    pub in_use: InUse,
}

/// All of a process.
pub struct Leaves {
    pki: Arc<Pki>,
    kept: Mutex<Vec<(Leaf, String)>>,
}

impl Leaves {
    /// None yet.
    pub fn new(pki: Arc<Pki>) -> Self {
        Self {
            pki,
            kept: Mutex::default(),
        }
    }

    /// One more: read, or made where there is none that is of use, and taken into use.
    pub fn add(&self, leaf: Leaf, now: SystemTime) -> Result<()> {
        let issued = self.issue(&leaf, now)?;
        take(&leaf, &issued)?;
        self.kept.lock().push((leaf, issued.certificate));
        Ok(())
    }

    /// Renews those of which two thirds are over. Answers their names. One that fails does not keep the others from being renewed.
    pub fn renew(&self, now: SystemTime) -> Result<Vec<String>> {
        let mut renewed = Vec::new();
        let mut failed = None;
        for (leaf, shown) in self.kept.lock().iter_mut() {
            let issued = self.issue(leaf, now).and_then(|issued| {
                if issued.certificate != *shown {
                    take(leaf, &issued)?;
                    renewed.push(leaf.name.clone());
                }
                Ok(issued)
            });
            match issued {
                Ok(issued) => *shown = issued.certificate,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(renewed), Err)
    }

    /// Renews all, however new they are.
    pub fn rotate(&self, now: SystemTime) -> Result<Vec<String>> {
        for (leaf, _) in self.kept.lock().iter() {
            self.pki.discard(&leaf.name)?;
        }
        self.renew(now)
    }

    fn issue(&self, leaf: &Leaf, now: SystemTime) -> Result<Issued> {
        match leaf.purpose {
            Purpose::Client => self.pki.client(&leaf.name, &leaf.subject, now),
            Purpose::Server | Purpose::Both => self.pki.server(&leaf.name, &leaf.subject, now),
        }
    }
}

fn take(leaf: &Leaf, issued: &Issued) -> Result<()> {
    (leaf.in_use)(issued).map_err(|why| Error::Certificate(format!("{}: {why}", leaf.name)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_is_renewed_in_time_and_taken_into_use() {
        let place = tempfile::tempdir().unwrap();
        let start = SystemTime::now();
        let life = Duration::from_secs(3000);
        let pki = Pki::open(place.path(), "i", start).unwrap();
        let leaves = Leaves::new(Arc::new(pki.with_leaf_life(life)));
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        for (name, purpose) in [("a", Purpose::Server), ("b", Purpose::Client)] {
            let shown = shown.clone();
            let leaf = Leaf {
                name: name.to_owned(),
                subject: Subject {
                    name: name.to_owned(),
                    ..Subject::default()
                },
                purpose,
                in_use: Box::new(move |issued| {
                    shown.lock().push(issued.certificate.clone());
                    Ok(())
                }),
            };
            leaves.add(leaf, start).unwrap();
        }
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(leaves.renew(after(1890)).unwrap().is_empty());
        assert_eq!(shown.lock().len(), 2);
        // It began 300 seconds before it was made.
        assert_eq!(leaves.renew(after(1910)).unwrap(), ["a", "b"]);
        assert!(leaves.renew(after(1911)).unwrap().is_empty());
        assert_eq!(leaves.rotate(after(1912)).unwrap(), ["a", "b"]);
        let mut shown = shown.lock().clone();
        assert_eq!(shown.len(), 6);
        shown.dedup();
        assert_eq!(shown.len(), 6, "each is new");
    }

    #[test]
    fn what_cannot_be_taken_into_use_is_tried_again() {
        let place = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let pki = Arc::new(Pki::open(place.path(), "i", now).unwrap());
        let leaves = Leaves::new(pki.clone());
        let calls = Arc::new(Mutex::new(0));
        let counted = calls.clone();
        let leaf = Leaf {
            name: "a".to_owned(),
            subject: Subject::default(),
            purpose: Purpose::Client,
            in_use: Box::new(move |_| {
                *counted.lock() += 1;
                let second = *counted.lock() == 2;
                if second { Err("no".to_owned()) } else { Ok(()) }
            }),
        };
        leaves.add(leaf, now).unwrap();
        let error = leaves.rotate(now).err().unwrap().to_string();
        assert!(error.contains("a: no"), "{error}");
        assert_eq!(leaves.renew(now).unwrap(), ["a"]);
        assert_eq!(*calls.lock(), 3);
    }
}
