//! What is alike, counted.

use super::metrics::with;

/// This process told of a burst.
pub fn burst_alerted() {
    with(|exporter| exporter.handles().bursts.increment(1));
}
