//! The sign that the service is about to end: whoever waits without a request of its own under way heeds it.

use tokio::sync::watch;

/// The sign that the service is about to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Gives the sign.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Waits for the sign.
    pub(crate) async fn begun(&self) {
        // The sender lives as long as `self`.
        drop(self.0.subscribe().wait_for(|begun| *begun).await);
    }
}
