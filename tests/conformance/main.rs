//! One suite for every store. A store joins by a [`Factory`] and one line of [`suite!`];
//! each case is a function over the trait and runs as a test of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../support/cluster.rs"]
mod cluster;
#[path = "../support/sentinel.rs"]
mod sentinel;
#[path = "../support/redis.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod commits;
mod feeds;
mod leases;
mod leaving;
mod lives;
mod mending;
mod numbers;
mod on_redis;
mod queues;
mod standing;
mod together;

use hotline::store::Store;
use hotline::store::embedded::Embedded;
use hotline::store::memory::Memory;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes stores of one kind. What it makes for one test is of that test alone.
#[async_trait::async_trait]
pub trait Factory: Send + Sync {
    /// An empty store of [`support::cell`]; asked again, another one.
    async fn fresh(&self) -> Arc<dyn Store>;

    /// The store that `fresh` made last, after its process ended and another began; `None` for
    /// one that forgets.
    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>>;
}

struct InMemory;

#[async_trait::async_trait]
impl Factory for InMemory {
    async fn fresh(&self) -> Arc<dyn Store> {
        Arc::new(Memory::new(support::cell()))
    }

    async fn reopen(&self, _store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        None
    }
}

struct InOneFile {
    folder: tempfile::TempDir,
    made: AtomicU32,
}

impl InOneFile {
    fn new() -> InOneFile {
        InOneFile { folder: tempfile::tempdir().unwrap(), made: AtomicU32::new(0) }
    }

    fn open(&self) -> Arc<dyn Store> {
        let file = format!("{}.redb", self.made.load(Ordering::Relaxed));
        Embedded::open(&self.folder.path().join(file), support::cell()).unwrap()
    }
}

#[async_trait::async_trait]
impl Factory for InOneFile {
    async fn fresh(&self) -> Arc<dyn Store> {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.open()
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        store.close().await;
        drop(store);
        Some(self.open())
    }
}

/// Every case over one kind of store: `suite!(module, expression that makes a factory)`.
macro_rules! suite {
    ($store:ident, $factory:expr) => {
        suite!(@with each, $store, $factory);
    };
    // One after the other over one factory, for servers that take long to start.
    (one_by_one $store:ident, $factory:expr) => {
        suite!(@with all, $store, $factory);
    };
    (@with $how:ident, $store:ident, $factory:expr) => {
        suite!(@$how $store, $factory;
            commits::a_new_order_is_there_whole,
            commits::a_step_moves_everything_or_nothing,
            commits::a_refused_change_leaves_nothing,
            commits::a_stale_version_is_a_conflict,
            commits::an_unknown_order_is_none_or_a_conflict,
            commits::a_request_takes_effect_once,
            commits::a_request_sent_many_times_at_once_takes_effect_once,
            commits::a_repeated_request_is_answered_even_after_the_order_moved_on,
            commits::one_of_many_wins_each_version,
            commits::many_orders_at_once_all_land,
            commits::counters_count,
            commits::papers_and_contacts_are_kept,
            commits::an_archived_order_waits_nowhere_and_is_still_there,
            together::what_belongs_together_lands_together,
            together::what_belongs_together_fails_together,
            together::one_of_many_mergers_wins,
            together::a_callers_orders_are_found_until_they_are_over,
            leases::two_claimers_never_get_the_same_order,
            leases::claims_come_by_deadline,
            leases::a_tray_is_ready_while_something_in_it_is_free,
            leases::claims_grow,
            leases::a_lease_is_good_for_its_own_order_only,
            leases::a_lease_that_ran_out_is_stale_and_the_order_free,
            leases::a_lease_lives_through_signing_and_dies_on_relay,
            leases::telling_of_a_breach_holds_nobody_up,
            queues::deadlines_come_in_order,
            queues::the_next_deadline_follows_the_orders,
            queues::trays_turn_pages,
            queues::a_scan_sees_every_order_once,
            standing::every_open_order_counts_where_it_is,
            feeds::every_event_comes_once_and_in_order,
            feeds::a_reader_goes_on_where_it_stopped,
            feeds::a_cursor_of_another_epoch_has_diverged,
            feeds::whoever_waits_is_woken,
            feeds::nothing_is_announced_twice,
            leaving::what_is_over_leaves_whole_and_reads_back,
            leaving::only_what_is_kept_as_it_is_leaves,
            leaving::what_comes_back_is_as_it_was_and_goes_on,
            leaving::the_feed_loses_its_beginning_only,
            leaving::consumers_are_known_by_name,
            leaving::what_a_consumer_has_not_read_stays_up_to_a_bound,
            numbers::numbers_are_never_given_twice,
            numbers::numbers_given_before_are_never_given_again,
            numbers::one_holder_runs_the_timers,
            lives::random_lives_are_as_in_the_model,
            lives::many_hands_at_once_leave_a_sound_store,
            lives::reopening_keeps_everything,
            lives::leases_do_not_outlive_their_process,
            lives::a_closed_store_says_so,
        );
    };
    (@all $store:ident, $factory:expr; $($module:ident :: $case:ident,)+) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $store() {
            let factory = $factory;
            $(
                println!("{}", stringify!($case));
                $module::$case(&factory).await;
            )+
        }
    };
    (@each $store:ident, $factory:expr; $($module:ident :: $case:ident,)+) => {
        mod $store {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let factory = $factory;
                    super::$module::$case(&factory).await;
                }
            )+
        }
    };
}

suite!(memory, InMemory);
suite!(embedded, InOneFile::new());
suite!(redis, on_redis::OnRedis::new());
suite!(one_by_one redis_behind_sentinels, on_redis::OnMany::new(sentinel::Trio::start()));
suite!(one_by_one redis_in_a_cluster, on_redis::OnMany::new(cluster::Cluster::start()));
