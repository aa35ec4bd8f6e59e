//! Shutdown signal for tasks that wait without a request.

use tokio::sync::watch;

/// The shutdown signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Signals the shutdown.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Waits for the shutdown.
    pub(crate) async fn begun(&self) {
        // The sender lives as long as `self`.
        drop(self.0.subscribe().wait_for(|begun| *begun).await);
    }
}
