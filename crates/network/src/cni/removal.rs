//! Sandboxes that are to be disconnected without anybody waiting for them one by one.

use std::collections::HashSet;

use navarch_client::Backoff;
use tokio::task::JoinSet;

use super::{CniError, CniNetwork, garbage};

impl CniNetwork {
    /// Begins to disconnect all sandboxes that are there but these. Nobody waits for it: what a plugin asks may be a pod of this very node, which
    /// is to be started first. What cannot be disconnected is tried again for as long as this process is there. Also begins to tell
    /// plugins which sandboxes there are, where it is to, so that they forget what else they know. To be called once.
    ///
    /// # Errors
    /// It cannot be seen which sandboxes there are.
    pub async fn reconcile(&self, live: HashSet<String>) -> Result<(), CniError> {
        tokio::spawn(self.clone().collect_garbage(live.clone(), garbage::SETTLED));
        let mut dead = self.dead(live).await?;
        let network = self.clone();
        tokio::spawn(async move {
            let mut failures = 0;
            loop {
                let left = network.disconnect(dead).await;
                for (id, error) in &left {
                    tracing::warn!(sandbox = id, %error, "a dead sandbox could not be disconnected");
                }
                if left.is_empty() {
                    return;
                }
                dead = left.into_iter().map(|(id, _)| id).collect();
                failures += 1;
                tokio::time::sleep(Backoff::REFLECTOR.after(failures)).await;
            }
        });
        Ok(())
    }

    /// Disconnects all sandboxes. One that cannot be does not keep the others; an error comes at the end.
    ///
    /// # Errors
    /// What a plugin said.
    pub async fn disconnect_all(&self) -> Result<(), CniError> {
        let all = self.dead(HashSet::new()).await?;
        if let Some((_, error)) = self.disconnect(all).await.into_iter().next() {
            return Err(error);
        }
        let removed = |records: &super::record::Records| {
            records.remove_directory();
            Ok(())
        };
        self.on_disk(removed).await
    }

    /// Those that could not be, as many at once as have turns.
    async fn disconnect(&self, ids: Vec<String>) -> Vec<(String, CniError)> {
        let mut all = JoinSet::new();
        for id in ids {
            let network = self.clone();
            all.spawn(async move {
                let done = network.detach(&id).await;
                done.err().map(|error| (id, error))
            });
        }
        all.join_all().await.into_iter().flatten().collect()
    }

    async fn dead(&self, live: HashSet<String>) -> Result<Vec<String>, CniError> {
        let mut ids = self.on_disk(|records| records.ids()).await?;
        ids.retain(|id| !live.contains(id));
        Ok(ids)
    }
}
