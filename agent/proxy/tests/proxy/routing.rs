//! Which slot answers: by weight, cohort and memory.

use std::collections::HashMap;

use meridian_proxy::control::{Cohort, CohortRule, RequestKey, Slot, Split, Sticky};

use super::client::{Client, get};
use super::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_meet_the_split_exactly() {
    let rig = Rig::start().await;
    rig.tell(&rig.routing(1, 3_333)).await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let address = rig.address;
        clients.spawn(async move {
            let mut client = Client::http1(address).await;
            let mut blue = 0;
            for _ in 0..1_250 {
                let reply = client.get("/", &[]).await;
                assert_eq!(Some(reply.body.as_str()), reply.slot(), "the header names the slot that answered");
                blue += usize::from(reply.body == "blue");
            }
            blue
        });
    }
    let blue: usize = clients.join_all().await.into_iter().sum();
    assert_eq!(blue, 3_333);
    assert_eq!((rig.blue.requests(), rig.green.requests()), (3_333, 6_667));
    let stats = rig.stats().await;
    assert_eq!((stats.slots.blue.requests, stats.slots.green.requests), (3_333, 6_667));
    assert_eq!(stats.slots.blue.latency.count, 3_333);
    assert_eq!(stats.slots.blue.failed() + stats.slots.green.failed(), 0);
}

#[tokio::test]
async fn a_cohort_goes_where_its_rule_says() {
    let rig = Rig::start().await;
    let mut routing = rig.routing(1, 10_000);
    let rule = CohortRule::Header { name: "X-Tester".to_owned(), value: "yes".to_owned() };
    routing.cohort = Some(Cohort { rule, slot: Slot::Green });
    rig.tell(&routing).await;
    assert_eq!(get(rig.address, "/", &[("x-tester", "yes")]).await.body, "green");
    assert_eq!(get(rig.address, "/", &[("x-tester", "no")]).await.body, "blue");
    assert_eq!(get(rig.address, "/", &[]).await.body, "blue");

    let mut routing = rig.routing(2, 10_000);
    let rule = CohortRule::Cookie { name: "beta".to_owned(), value: "1".to_owned() };
    routing.cohort = Some(Cohort { rule, slot: Slot::Green });
    rig.tell(&routing).await;
    assert_eq!(get(rig.address, "/", &[("cookie", "a=b; beta=1")]).await.body, "green");
    // HTTP/2 clients may send each cookie in a header of its own.
    let split = [("cookie", "a=b"), ("cookie", "beta=1")];
    assert_eq!(Client::http2(rig.address).await.get("/", &split).await.body, "green");
    assert_eq!(get(rig.address, "/", &[("cookie", "beta=2")]).await.body, "blue");
}

#[tokio::test]
async fn a_share_of_users_stays_on_its_side() {
    let rig = Rig::start().await;
    let share = |basis_points| CohortRule::Percentage { basis_points, key: RequestKey::Header("x-user".to_owned()) };
    let mut routing = rig.routing(1, 10_000);
    routing.cohort = Some(Cohort { rule: share(2_000), slot: Slot::Green });
    rig.tell(&routing).await;
    let mut client = Client::http1(rig.address).await;
    let mut first = HashMap::new();
    for user in 0..200 {
        let name = format!("user-{user}");
        first.insert(name.clone(), client.get("/", &[("x-user", &name)]).await.body);
    }
    let members = first.values().filter(|slot| *slot == "green").count();
    assert!((20..=60).contains(&members), "{members} of 200 users instead of about 40");
    for (name, slot) in &first {
        assert_eq!(&client.get("/", &[("x-user", name)]).await.body, slot);
    }
    assert_eq!(client.get("/", &[]).await.body, "blue", "without the key nobody is a member");

    let mut wider = rig.routing(2, 10_000);
    wider.cohort = Some(Cohort { rule: share(5_000), slot: Slot::Green });
    rig.tell(&wider).await;
    for (name, _) in first.iter().filter(|(_, slot)| *slot == "green") {
        assert_eq!(client.get("/", &[("x-user", name)]).await.body, "green", "a wider share keeps its members");
    }
}

#[tokio::test]
async fn a_client_keeps_its_slot_until_the_slot_is_left() {
    let rig = Rig::start().await;
    let mut routing = rig.routing(1, 5_000);
    routing.sticky = Some(Sticky { cookie: "lane".to_owned(), max_age_s: 600 });
    rig.tell(&routing).await;
    let mut client = Client::http1(rig.address).await;
    let first = client.get("/", &[]).await;
    let given = first.header("set-cookie").unwrap();
    assert_eq!(given, format!("lane={}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax", first.body));
    let cookie = format!("lane={}", first.body);
    for _ in 0..50 {
        let reply = client.get("/", &[("cookie", &cookie)]).await;
        assert_eq!(reply.body, first.body);
        assert_eq!(reply.header("set-cookie"), None);
    }
    let (left, other) = if first.body == "blue" {
        (Split { blue: 0, green: 10_000 }, "green")
    } else {
        (Split { blue: 10_000, green: 0 }, "blue")
    };
    let mut switched = rig.routing(2, left.blue);
    switched.sticky = routing.sticky.clone();
    rig.tell(&switched).await;
    let reply = client.get("/", &[("cookie", &cookie)]).await;
    assert_eq!(reply.body, other, "a switch moves everybody");
    assert_eq!(reply.header("set-cookie"), None);
}
