//! Images made of a program of the host, which no registry has to have.

use std::path::PathBuf;

use tokio::sync::Mutex;

use super::pull::blocking;
use super::{Images, Reference, build_archive};
use crate::cri::{Error, Image, ImageConfig, Result};

/// An image that holds one program and nothing else.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// By which it is known, as `navarch.local/navarch:1.0.0`.
    pub name: String,
    /// The program, on the host: it must need nothing but the kernel.
    pub program: PathBuf,
    /// Where it is in the image.
    pub path: PathBuf,
    /// What containers run.
    pub config: ImageConfig,
}

/// What is made instead of being pulled.
#[derive(Debug)]
pub(super) struct Offer {
    reference: Reference,
    image: BuiltIn,
    /// Whether this process has made it. An image that is here by that name may be of an older program.
    made: Mutex<bool>,
}

impl Images {
    /// Has [`Images::pull`] make this image where it is asked for it. Only the first offer counts. Error: `InvalidImageName`.
    pub fn offer(&self, image: BuiltIn) -> Result<()> {
        let offer = Offer {
            reference: Reference::parse(&image.name)?,
            image,
            made: Mutex::new(false),
        };
        let _ = self.store.offer.set(offer);
        Ok(())
    }

    /// Makes an image, and knows it by its name from now on. Error: `InvalidImageName`, `Host`.
    pub fn make(&self, image: &BuiltIn) -> Result<Vec<Image>> {
        let _one_at_a_time = self.store.making.lock();
        let archive = self.store.root.join("built-in.tar");
        let files = [(image.program.clone(), image.path.clone(), 0o755)];
        build_archive(&archive, &image.name, &files, &image.config)?;
        let imported = self.import(std::slice::from_ref(&archive));
        let removed = std::fs::remove_file(&archive);
        let images = imported?;
        removed.map_err(|e| Error::host("removing an archive that was imported", e))?;
        Ok(images)
    }

    /// The image that is offered by this name, made if need be; `None` where none is.
    pub(super) async fn offered(&self, reference: &Reference) -> Result<Option<Image>> {
        let Some(offer) = self.store.offer.get() else {
            return Ok(None);
        };
        // No registry is asked for others by its name: who answers to it would be a stranger.
        if offer.reference.registry() != reference.registry() {
            return Ok(None);
        }
        if offer.reference.to_string() != reference.to_string() {
            return Err(Error::Pull {
                reference: reference.to_string(),
                reason: format!("this host makes {} and no other", offer.reference),
            });
        }
        let mut made = offer.made.lock().await;
        if *made && let Some(image) = self.get(&offer.image.name)? {
            return Ok(Some(image));
        }
        let (images, wanted) = (self.clone(), offer.image.clone());
        let image = blocking(move || images.make_anew(&wanted)).await?;
        *made = true;
        Ok(image)
    }

    /// One of an older program has no other name, and would stay for nothing.
    fn make_anew(&self, image: &BuiltIn) -> Result<Option<Image>> {
        let older = self.get(&image.name)?;
        let made = self.make(image)?.pop();
        let id = |image: &Option<Image>| image.as_ref().map(|image| image.id.clone());
        if let Some(older) = id(&older)
            && Some(&older) != id(&made).as_ref()
            && self.get(&older)?.is_some_and(|older| older.tags.is_empty())
        {
            self.remove(&older)?;
        }
        Ok(made)
    }
}
