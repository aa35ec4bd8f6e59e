//! The changes of one thing are those that the feed has of it, whichever way they are found.

use std::collections::BTreeSet;

use greenlight::app::{ChangeFilter, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::approval::Approval;
use greenlight::domain::thing::ThingRef;
use greenlight::domain::transition::Transition;

use crate::support::things::{approval, found, noon, of, post, put, retire, transition};
use crate::support::{Database, on_each_engine};

on_each_engine!(a_history_is_what_the_feed_has_of_a_thing,);

async fn a_history_is_what_the_feed_has_of_a_thing(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    // A transition changes its case in the same revision; what is taken off the record has a last change.
    post(&register, transition("first", "case", "granted", "2026-01-05")).await.unwrap();
    put(&register, Approval { exporter: Some(of("alibaba")), ..approval("case") }).await.unwrap();
    post(&register, transition("second", "case", "used", "2026-01-08")).await.unwrap();
    let second = transition("second", "case", "used", "2026-01-08");
    post(&register, Transition { retracted: true, ..second }).await.unwrap();
    put(&register, approval("next")).await.unwrap();
    retire::<Approval>(&register, "next").await.unwrap();
    let newest = register.read(Wanted::Newest).await.unwrap().at().revision;
    for revision in 1..=newest {
        let mut read = register.read(Wanted::Revision(revision)).await.unwrap();
        let feed = read.changes_between(1, revision, &ChangeFilter::default()).await.unwrap();
        let things: BTreeSet<ThingRef> = feed.iter().map(|change| change.thing.clone()).collect();
        for thing in things {
            let mut own: Vec<_> = feed.iter().filter(|change| change.thing == thing).cloned().collect();
            own.reverse();
            assert_eq!(read.history(&thing, None, 100).await.unwrap(), own, "{thing} at {revision}");
            let count = i64::try_from(own.len()).unwrap();
            assert_eq!(read.history_count(&thing).await.unwrap(), count, "{thing} at {revision}");
            for limit in 1..=own.len() {
                let some = read.history(&thing, None, i64::try_from(limit).unwrap()).await.unwrap();
                assert_eq!(some, own[..limit], "{limit} of {thing} at {revision}");
            }
            for below in 1..=revision {
                let earlier: Vec<_> = own.iter().filter(|change| change.revision < below).cloned().collect();
                let found = read.history(&thing, Some(below), 100).await.unwrap();
                assert_eq!(found, earlier, "{thing} below {below}");
            }
        }
    }
}
