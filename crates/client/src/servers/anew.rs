//! A client of one server that begins its connections anew when it is told to: those that come from an address which the host has no more wait
//! for answers that nobody can send.

use std::sync::Arc;

use http::{Request, Response};
use kube::client::Body;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{BoxError, changed, cut};

const ANEW: &str = "connections are begun anew";

/// `make`: makes a client without any connection. `anew`: changes when that is to be.
pub(super) fn client<E: Into<BoxError>>(
    make: impl Fn() -> Result<kube::Client, E> + Send + Sync + 'static,
    anew: &watch::Sender<u64>,
) -> Result<kube::Client, E> {
    let held = Mutex::new((*anew.borrow(), make()?));
    let (shared, anew) = (Arc::new((held, make)), anew.clone());
    let ask = tower::service_fn(move |request: Request<Body>| {
        let (shared, mut anew) = (shared.clone(), anew.subscribe());
        async move {
            let now = *anew.borrow_and_update();
            let client = {
                let (held, make) = &*shared;
                let mut held = held.lock();
                if held.0 < now {
                    *held = (now, make().map_err(Into::into)?);
                }
                held.1.clone()
            };
            tokio::select! {
                answer = client.send(request) => {
                    let answer: Response<Body> = answer.map_err(BoxError::from)?;
                    Ok(answer.map(|body| cut(body, anew, ANEW)))
                }
                () = changed(&mut anew) => Err(BoxError::from(ANEW)),
            }
        }
    });
    Ok(kube::Client::new(ask, "default"))
}
