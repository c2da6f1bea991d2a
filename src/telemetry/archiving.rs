//! What leaves the store, counted.

use super::metrics::with;

/// So many orders left the store, and the archive has so many bytes more.
pub fn orders_left(orders: u64, bytes: u64) {
    with(|exporter| {
        exporter.handles().archive_orders.increment(orders);
        exporter.handles().archive_bytes.increment(bytes);
    });
}

/// So many events left the feed, and the archive has so many bytes more.
pub fn events_left(events: u64, bytes: u64) {
    with(|exporter| {
        exporter.handles().archive_events.increment(events);
        exporter.handles().archive_bytes.increment(bytes);
    });
}

/// Nothing could leave the store.
pub fn archiving_failed() {
    with(|exporter| exporter.handles().archive_failures.increment(1));
}
