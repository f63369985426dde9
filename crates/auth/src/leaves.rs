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

    /// Has one be for another subject, from when it is renewed next on.
    pub fn rename(&self, name: &str, subject: Subject) {
        let mut kept = self.kept.lock();
        if let Some((leaf, _)) = kept.iter_mut().find(|(leaf, _)| leaf.name == name) {
            leaf.subject = subject;
        }
    }

    /// Renews those of which two thirds are over, and those that are for another subject now. Answers their names. One that fails does not keep the others from being renewed.
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
mod tests;
