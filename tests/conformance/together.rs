//! Orders that change together, and what one caller has called about.

use crate::Factory;
use crate::commits::{all_events, put, tally};
use crate::support::*;
use hotline::domain::*;
use hotline::store::*;
use std::sync::Arc;

fn by_centre(before: &Arc<Order>, action: Action, minute: i64) -> Change {
    let command = Command { actor: actor(cell().centre(), Role::Dispatcher), action };
    change(Some(before.clone()), &command, HEARD.plus(Span::minutes(minute))).unwrap().unwrap()
}

/// A merger: the child's step and the one beside it.
fn merger(child: &Arc<Order>, parent: &Arc<Order>, minute: i64) -> Vec<Change> {
    let merge = Action::Merge { into: parent.no };
    let (no, adopt) = beside(child, &merge).unwrap();
    assert_eq!(no, parent.no);
    vec![by_centre(child, merge, minute), by_centre(parent, adopt, minute)]
}

pub async fn what_belongs_together_lands_together(factory: &impl Factory) {
    let mut store = factory.fresh().await;
    let mut children = Vec::new();
    let mut parent = put(&store, new_order(1, HEARD)).await;
    for seq in 2..=9 {
        children.push(put(&store, new_order(seq, HEARD)).await);
    }
    for (minute, child) in (5..).zip(&children) {
        let mut changes = merger(child, &parent, minute);
        changes[0] = with_id(changes[0].clone(), fresh_id(), [1; 16]);
        let (request, remembered) = changes[0].request.clone().unwrap();
        parent = Arc::clone(&changes[1].after);
        store.commit_together(changes.clone()).await.unwrap();
        assert_eq!(store.remembered(request).await.unwrap(), Some(remembered.clone()));
        // Asked again it is answered as before, and nothing of it happens twice.
        let again = store.commit_together(changes).await;
        let Err(CommitError::Repeated(before)) = again else { panic!("{again:?}") };
        assert_eq!(*before, remembered);
    }
    for _ in 0..2 {
        assert_eq!(store.load(parent.no).await.unwrap(), Some(parent.clone()));
        for child in &children {
            let child = store.load(child.no).await.unwrap().unwrap();
            assert_eq!((child.stage, child.version), (Stage::Merged, 2));
        }
        assert_eq!(tally(&store, "merged").await, 8);
        assert_eq!(audit::audit(&*store).await.unwrap(), []);
        match factory.reopen(Arc::clone(&store)).await {
            Some(again) => store = again,
            None => break,
        }
    }
}

pub async fn what_belongs_together_fails_together(factory: &impl Factory) {
    let store = factory.fresh().await;
    let parent = put(&store, new_order(1, HEARD)).await;
    let child = put(&store, new_order(2, HEARD)).await;
    let other = put(&store, new_order(3, HEARD)).await;
    let stale = merger(&child, &parent, 5);
    // Either of the two has moved on meanwhile: neither changes.
    let parent = put(&store, step(&parent, Action::Deliver, HEARD.plus(Span::minutes(2)))).await;
    let before = (all_events(&store).await, store.tallies().await.unwrap());
    let id = fresh_id();
    let mut with_request = stale.clone();
    with_request[0] = with_id(stale[0].clone(), id, [1; 16]);
    let moved = merger(&other, &parent, 6);
    put(&store, step(&other, Action::Deliver, HEARD.plus(Span::minutes(3)))).await;
    let after = (all_events(&store).await, store.tallies().await.unwrap());
    assert_eq!(after.0.len(), before.0.len() + 1);
    for (changes, what) in [(with_request, "the second"), (moved, "the first")] {
        let refused = store.commit_together(changes).await;
        assert!(matches!(refused, Err(CommitError::Conflict)), "{what}: {refused:?}");
    }
    // What does not belong together is refused as a whole, too.
    let fresh = merger(&child, &parent, 7);
    let twice = vec![fresh[0].clone(), fresh[0].clone()];
    let two_days = vec![fresh[0].clone(), by_centre(&parent, Action::Urge, 24 * 60)];
    let late = vec![fresh[0].clone(), with_id(fresh[1].clone(), fresh_id(), [1; 16])];
    for (changes, what) in
        [(Vec::new(), "nothing"), (twice, "twice"), (two_days, "two days"), (late, "two requests")]
    {
        let refused = store.commit_together(changes).await;
        assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{what}: {refused:?}");
    }
    assert_eq!((all_events(&store).await, store.tallies().await.unwrap()), after);
    assert_eq!(store.remembered(id).await.unwrap(), None);
    assert_eq!(store.load(child.no).await.unwrap(), Some(child));
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

/// However many want the same two at once: each order hears of one of them.
pub async fn one_of_many_mergers_wins(factory: &impl Factory) {
    let store = factory.fresh().await;
    let child = put(&store, new_order(1, HEARD)).await;
    let mut parents = Vec::new();
    for seq in 2..=17 {
        parents.push(put(&store, new_order(seq, HEARD)).await);
    }
    let mut asked = tokio::task::JoinSet::new();
    for parent in &parents {
        let (store, changes) = (Arc::clone(&store), merger(&child, parent, 5));
        asked.spawn(async move { store.commit_together(changes).await.is_ok() });
    }
    assert_eq!(asked.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let into = store.load(child.no).await.unwrap().unwrap().links.merged_into.unwrap();
    for parent in parents {
        let parent = store.load(parent.no).await.unwrap().unwrap();
        let expected = if parent.no == into { vec![child.no] } else { Vec::new() };
        assert_eq!(parent.links.children, expected, "{}", parent.no);
    }
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

/// What is over never crowds out what is not, nor does it come back.
pub async fn a_callers_orders_are_found_until_they_are_over(factory: &impl Factory) {
    let mut store = factory.fresh().await;
    let of = |seq: u32, caller: u8| {
        let mut change = new_order(seq, HEARD);
        if let Some(contact) = &mut change.contact {
            contact.phone = [caller; 16];
        }
        change
    };
    let most = MAX_OF_CALLER as u32;
    // One waits all the while; as many as are found together come and go after it.
    put(&store, of(1, 1)).await;
    for seq in 2..=most + 5 {
        let order = put(&store, of(seq, 1)).await;
        let withdrawn = by_centre(&order, Action::Withdraw, 5);
        assert!(withdrawn.after.is_over());
        put(&store, withdrawn).await;
    }
    let closed = put(&store, of(most + 6, 1)).await;
    put(&store, by_centre(&closed, Action::Dispose { evidence: false }, 5)).await;
    put(&store, of(most + 7, 2)).await;
    // Another caller has more than are found together: the latest are.
    for seq in 200..200 + most + 9 {
        put(&store, of(seq, 3)).await;
    }
    for round in 0..2 {
        let left = [number(most + 6), number(1)];
        assert_eq!(store.of_caller([1; 16]).await.unwrap(), left, "round {round}");
        assert_eq!(store.of_caller([2; 16]).await.unwrap(), [number(most + 7)]);
        let latest: Vec<_> = (209..209 + most).rev().map(number).collect();
        assert_eq!(store.of_caller([3; 16]).await.unwrap(), latest);
        assert_eq!(store.of_caller([4; 16]).await.unwrap(), []);
        match factory.reopen(Arc::clone(&store)).await {
            Some(again) => store = again,
            None => break,
        }
    }
    let order = store.load(number(most + 7)).await.unwrap().unwrap();
    put(&store, by_centre(&order, Action::Withdraw, 5)).await;
    assert_eq!(store.of_caller([2; 16]).await.unwrap(), []);
}
