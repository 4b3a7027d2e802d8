//! Cases about listings.

use std::sync::Arc;

use super::{key, put};
use crate::{Expect, Key, MAX_PAGE_ITEMS, MAX_VALUE_BYTES, Store, StoreError, Versioned};

/// Reads all pages and tells how many there were.
async fn all(store: &dyn Store, prefix: &str, limit: usize) -> (Vec<Versioned>, usize) {
    let (mut items, mut pages, mut after): (Vec<Versioned>, usize, Option<Key>) = (Vec::new(), 0, None);
    loop {
        let page = store.list(&key(prefix), after.as_ref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        items.extend(page.items);
        pages += 1;
        match page.next {
            Some(next) => after = Some(next),
            None => return (items, pages),
        }
    }
}

fn names(items: &[Versioned]) -> Vec<&str> {
    items.iter().map(|item| item.key.as_str()).collect()
}

/// Whatever the page size, all entries come once and in order of their bytes.
pub async fn pages_are_in_byte_order(store: Arc<dyn Store>) {
    assert_eq!(all(&*store, "/", 5).await, (Vec::new(), 1));
    let sorted = ["/A", "/a", "/a ", "/a!", "/a/", "/a/1", "/a/10", "/a/2", "/aa", "/b~"];
    for name in sorted.iter().rev() {
        put(&*store, name, name.to_string(), Expect::Absent).await.unwrap();
    }
    for (limit, pages) in [(1, 10), (3, 4), (5, 2), (10, 1), (1000, 1)] {
        let (items, read) = all(&*store, "/", limit).await;
        assert_eq!(names(&items), sorted, "{limit} a page");
        assert_eq!(read, pages, "{limit} a page");
        assert!(items.iter().all(|item| item.value == item.key.as_str()));
    }
    let from = |after: &'static str| {
        let store = &store;
        async move { store.list(&key("/a/"), Some(&key(after)), 10).await.unwrap() }
    };
    assert_eq!(names(&from("/a/1").await.items), ["/a/10", "/a/2"]);
    assert_eq!(names(&from("/a/11").await.items), ["/a/2"], "`after` need not exist");
    assert_eq!(names(&from("/A").await.items), ["/a/", "/a/1", "/a/10", "/a/2"], "nor be under the prefix");
    assert_eq!(names(&from("/b").await.items), [""; 0]);
}

/// A prefix is a beginning of keys, not of path segments.
pub async fn a_prefix_lists_only_its_own(store: Arc<dyn Store>) {
    for name in ["/a", "/a/1", "/ab", "/b", "/~"] {
        put(&*store, name, "", Expect::Absent).await.unwrap();
    }
    for (prefix, expected) in [
        ("/", &["/a", "/a/1", "/ab", "/b", "/~"][..]),
        ("/a", &["/a", "/a/1", "/ab"]),
        ("/a/", &["/a/1"]),
        ("/a/1", &["/a/1"]),
        ("/c", &[]),
        ("/~", &["/~"]),
    ] {
        assert_eq!(names(&all(&*store, prefix, 2).await.0), expected, "{prefix}");
    }
}

/// A page of nothing, or of too much, is refused.
pub async fn page_limits_are_checked(store: Arc<dyn Store>) {
    for limit in [0, MAX_PAGE_ITEMS + 1] {
        let outcome = store.list(&key("/"), None, limit).await;
        assert!(matches!(outcome, Err(StoreError::Invalid { .. })), "{limit}: {outcome:?}");
    }
    assert!(store.list(&key("/"), None, MAX_PAGE_ITEMS).await.is_ok());
}

/// Entries that together are too large for one answer still come, all of them.
pub async fn large_values_are_listed_in_pages(store: Arc<dyn Store>) {
    const COUNT: usize = 20;
    for index in 0..COUNT {
        put(&*store, &format!("/large/{index:02}"), vec![1; MAX_VALUE_BYTES], Expect::Absent).await.unwrap();
    }
    let (items, _) = all(&*store, "/large/", MAX_PAGE_ITEMS).await;
    assert_eq!(items.len(), COUNT);
    assert!(items.iter().all(|item| item.value.len() == MAX_VALUE_BYTES));
    assert!(items.is_sorted_by(|one, two| one.key < two.key));
}

/// Entries that are there all the time are in a listing, however much is written between its pages.
pub async fn what_stays_is_listed_while_others_write(store: Arc<dyn Store>) {
    for index in 0..30 {
        put(&*store, &format!("/mix/{index:02}"), "stays", Expect::Absent).await.unwrap();
    }
    let (mut stayed, mut after, mut last, mut round) = (Vec::new(), None, None, 0);
    loop {
        let page = store.list(&key("/mix/"), after.as_ref(), 4).await.unwrap();
        assert!(last <= Some(page.revision), "a later page is not of an earlier revision");
        last = Some(page.revision);
        stayed.extend(page.items.into_iter().filter(|item| item.value == "stays"));
        round += 1;
        put(&*store, &format!("/mix/{:02}+{round}", 3 * round), "came", Expect::Absent).await.unwrap();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..30).map(|index| format!("/mix/{index:02}")).collect();
    assert_eq!(names(&stayed), expected);
}
