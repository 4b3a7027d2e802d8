//! What is refused, with which code and reason, and that nothing has changed afterwards.

use meridian_core::calendar::{Entry, When, Zone};
use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use rstest::rstest;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::fixture::{self, PLAYBOOK, SERVICE, playbook};
use crate::support::{Server, digest, fields, raw, uuid, why};

#[tokio::test]
async fn versions_say_what_the_notes_say() {
    let server = Server::plain().await;
    server.stocked().await;
    let call = async |version: &str, kind: v1::NoteKind, breaking| {
        let mut request = fixture::release(version);
        let note = v1::Note { kind: kind.into(), breaking, text: "pay by card".to_owned() };
        request.release.as_mut().unwrap().typed_notes = vec![note];
        server.releases().create_release(request).await
    };
    // 1.0.0 is there, with plain notes.
    let refused = call("1.0.1", v1::NoteKind::Feature, false).await.unwrap_err();
    assert_eq!(why(&refused), (Code::InvalidArgument, "BUMP_TOO_SMALL".to_owned()));
    let details = refused.get_error_details();
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "release.version");
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!((metadata["value"].as_str(), metadata["least"].as_str()), ("1.0.1", "1.1.0"));
    let made = call("1.1.0", v1::NoteKind::Feature, false).await.unwrap().into_inner().release.unwrap();
    assert_eq!((made.notes.as_str(), made.typed_notes[0].text.as_str()), ("", "pay by card"));
    // The same again is answered as it is, and is not held against itself.
    assert_eq!(call("1.1.0", v1::NoteKind::Feature, false).await.unwrap().into_inner().release.unwrap(), made);
    // 1.1.0 is now what counts, and what is older is held against what was before it.
    call("1.2.0", v1::NoteKind::Fix, true).await.unwrap_err();
    call("1.0.1", v1::NoteKind::Fix, false).await.unwrap();
    call("2.0.0", v1::NoteKind::Other, true).await.unwrap();
}

#[tokio::test]
async fn releases_are_pinned_by_content() {
    let server = Server::plain().await;
    server.stocked().await;
    let hex = digest("x");
    let table = [
        ("1.1.0", "latest".to_owned(), "BAD_DIGEST", "release.digest"),
        ("1.1.0", "v1.1.0".to_owned(), "BAD_DIGEST", "release.digest"),
        ("1.1.0", format!("sha1:{}", &hex[7..47]), "BAD_DIGEST", "release.digest"),
        ("1.1.0", hex.to_uppercase(), "BAD_DIGEST", "release.digest"),
        ("1.1.0", hex[..70].to_owned(), "BAD_DIGEST", "release.digest"),
        ("1.1.0", String::new(), "MISSING", "release.digest"),
        ("latest", hex.clone(), "BAD_VERSION", "release.version"),
        ("1.1", hex.clone(), "BAD_VERSION", "release.version"),
        ("", hex.clone(), "MISSING", "release.version"),
    ];
    for (version, digest, reason, field) in table {
        let mut request = fixture::release(version);
        request.release.as_mut().unwrap().digest = digest;
        let refused = server.releases().create_release(request).await.unwrap_err();
        assert_eq!(why(&refused), (Code::InvalidArgument, reason.to_owned()), "{version} {refused:?}");
        assert_eq!(fields(&refused), [field]);
    }
    let mut unknown = fixture::release("1.1.0");
    unknown.release.as_mut().unwrap().reversibility = 77;
    let refused = server.releases().create_release(unknown).await.unwrap_err();
    assert_eq!(why(&refused), (Code::InvalidArgument, "UNKNOWN_ENUM".to_owned()));
    let request = v1::ListReleasesRequest { parent: SERVICE.to_owned(), ..Default::default() };
    let releases = server.releases().list_releases(request).await.unwrap().into_inner().releases;
    assert_eq!(releases.len(), 1, "something refused was kept");
}

#[tokio::test]
async fn a_release_never_changes() {
    let server = Server::plain().await;
    server.stocked().await;
    let again = server.add_release("1.0.0").await;
    assert_eq!(again, server.add_release("1.0.0").await);
    let mut other = fixture::release("1.0.0");
    other.release.as_mut().unwrap().digest = digest("other");
    let refused = server.releases().create_release(other).await.unwrap_err();
    assert_eq!(why(&refused), (Code::AlreadyExists, "ALREADY_EXISTS".to_owned()));
    let mut stray = fixture::release("1.0.0");
    stray.parent = "services/unknown".to_owned();
    let refused = server.releases().create_release(stray).await.unwrap_err();
    assert_eq!(why(&refused), (Code::NotFound, "NOT_FOUND".to_owned()));
}

#[rstest]
#[case("../../etc/passwd")]
#[case("a/b")]
#[case(".")]
#[case("")]
#[case("A")]
#[case("a\0")]
#[case("a\n")]
#[case("a\u{202e}b")]
#[case("\u{0430}")]
#[case("x234567890123456789012345678901234567890123456789012345678901234")]
#[tokio::test]
async fn names_are_names(#[case] id: &str) {
    let server = Server::plain().await;
    let name = format!("services/{id}");
    let service = Some(v1::Service { name: name.clone(), ..Default::default() });
    let request = v1::UpdateServiceRequest { service, allow_missing: true, ..Default::default() };
    let refused = server.services().update_service(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    assert_eq!(fields(&refused), ["service.name"]);
    let refused = server.services().get_service(v1::GetServiceRequest { name }).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let listed = server.services().list_services(v1::ListServicesRequest::default()).await.unwrap().into_inner();
    assert!(listed.services.is_empty());
}

#[tokio::test]
async fn a_playbook_is_refused_with_all_that_is_wrong() {
    let server = Server::plain().await;
    let mut wrong = playbook(Span::ZERO);
    wrong.stages[0].waves[0].steps.clear();
    wrong.stages[0].waves[0].max_parallel = 0;
    let request =
        v1::UpdatePlaybookRequest { playbook: Some((&wrong).into()), allow_missing: true, ..Default::default() };
    let refused = server.playbooks().update_playbook(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(fields(&refused).len() >= 2, "{refused:?}");
    assert!(fields(&refused).iter().all(|field| field.starts_with("playbook.stages[0].waves[0].")), "{refused:?}");
    let mut request = v1::UpdatePlaybookRequest {
        playbook: Some((&playbook(Span::ZERO)).into()),
        allow_missing: true,
        ..Default::default()
    };
    request.playbook.as_mut().unwrap().stages[0].waves[0].steps[1].weight_basis_points = 10_001;
    let refused = server.playbooks().update_playbook(request).await.unwrap_err();
    assert_eq!(why(&refused), (Code::InvalidArgument, "OUT_OF_RANGE".to_owned()));
    assert_eq!(fields(&refused), ["playbook.stages[0].waves[0].steps[1].weight_basis_points"]);
}

#[tokio::test]
async fn a_playbook_under_which_nothing_ever_starts_is_refused() {
    let server = Server::plain().await;
    let mut over = playbook(Span::ZERO);
    let when = When::Range { from: "2001-01-01T00:00".to_owned(), to: "2001-02-01T00:00".to_owned() };
    over.timetable.windows = vec![Entry { name: "over".to_owned(), zone: Zone::Named("UTC".to_owned()), when }];
    let request =
        v1::UpdatePlaybookRequest { playbook: Some((&over).into()), allow_missing: true, ..Default::default() };
    let refused = server.playbooks().update_playbook(request).await.unwrap_err();
    assert_eq!(why(&refused), (Code::InvalidArgument, "WINDOWS_NEVER_OPEN".to_owned()));
    assert_eq!(fields(&refused), ["playbook.windows"]);
}

#[tokio::test]
async fn a_plan_needs_what_it_is_made_of() {
    let server = Server::plain().await;
    server.stocked().await;
    let mut named = playbook(Span::ZERO);
    let there = meridian_core::id::RegionId::new("atlantis").unwrap();
    named.stages[0].waves[0].regions = meridian_core::playbook::RegionSelector::Names(vec![there]);
    named.id = meridian_core::id::PlaybookId::new("lost").unwrap();
    server.put_playbook(&named).await;
    let ask = |release: &str, playbook: &str| v1::CreatePlanRequest {
        release: format!("{SERVICE}/releases/{release}"),
        playbook: playbook.to_owned(),
        ..Default::default()
    };
    let over = |supersede: &str, reason: &str| v1::CreatePlanRequest {
        supersede: supersede.to_owned(),
        hotfix_reason: reason.to_owned(),
        ..ask("1.0.0", PLAYBOOK)
    };
    let table = [
        (over("", "it must be mended"), Code::InvalidArgument, "MISSING"),
        (over("services/checkout/rollouts/gone", " "), Code::InvalidArgument, "MISSING"),
        (over("services/checkout/rollouts/gone", ""), Code::NotFound, "NOT_FOUND"),
        (over("services/other/rollouts/r-1", ""), Code::FailedPrecondition, "OTHER_SERVICE"),
        (over("r-1", ""), Code::InvalidArgument, "BAD_RESOURCE_NAME"),
        (ask("9.9.9", PLAYBOOK), Code::NotFound, "NOT_FOUND"),
        (ask("1.0.0", "playbooks/unknown"), Code::NotFound, "NOT_FOUND"),
        (ask("1.0.0", "playbooks/careful/revisions/7"), Code::NotFound, "NOT_FOUND"),
        (ask("latest", PLAYBOOK), Code::InvalidArgument, "BAD_VERSION"),
        (ask("1.0.0", "careful"), Code::InvalidArgument, "BAD_RESOURCE_NAME"),
        (ask("1.0.0", "playbooks/lost"), Code::FailedPrecondition, "UNKNOWN_REGION"),
    ];
    for (request, code, reason) in table {
        let refused = server.plans().create_plan(request.clone()).await.unwrap_err();
        assert_eq!(why(&refused), (code, reason.to_owned()), "{request:?}");
    }
}

#[tokio::test]
async fn a_lane_is_held_by_one_rollout() {
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    let first = server.start_rollout(&plan.name).await;
    let refused = server.rollouts().create_rollout(fixture::rollout(&plan.name)).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "LANE_HELD".to_owned()));
    assert!(refused.message().contains("eu") && refused.message().contains(first.name.rsplit('/').next().unwrap()));
    server.add_release("1.1.0").await;
    let refused = server.plans().create_plan(fixture::plan("1.1.0")).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "LANE_HELD".to_owned()));
    let delete = v1::DeleteServiceRequest { name: SERVICE.to_owned(), ..Default::default() };
    let refused = server.services().delete_service(delete).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "IN_USE".to_owned()));
    let delete = v1::DeleteRegionRequest { name: "regions/eu".to_owned(), ..Default::default() };
    let refused = server.regions().delete_region(delete).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "IN_USE".to_owned()));
}

#[tokio::test]
async fn orders_that_do_not_fit_are_refused() {
    let server = Server::plain().await;
    server.stocked().await;
    let plan = server.plan("1.0.0").await;
    let rollout = server.start_rollout(&plan.name).await;
    let name = rollout.name.clone();
    let resume = v1::ResumeRolloutRequest { name: name.clone(), ..Default::default() };
    let refused = server.rollouts().resume_rollout(resume).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "TRANSITION_NOT_ALLOWED".to_owned()));
    let abandon = v1::AbandonRolloutRequest { name: name.clone(), ..Default::default() };
    let refused = server.rollouts().abandon_rollout(abandon).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "TRANSITION_NOT_ALLOWED".to_owned()));
    let scope = Some(v1::rollback_rollout_request::Scope::Region("mars".to_owned()));
    let back = v1::RollbackRolloutRequest { name: name.clone(), scope, ..Default::default() };
    let refused = server.rollouts().rollback_rollout(back).await.unwrap_err();
    assert_eq!(why(&refused), (Code::InvalidArgument, "UNKNOWN_REGION".to_owned()));
    let stale = v1::PauseRolloutRequest { name: name.clone(), etag: "1".to_owned(), ..Default::default() };
    let refused = server.rollouts().pause_rollout(stale).await.unwrap_err();
    assert_eq!(why(&refused), (Code::Aborted, "STALE_ETAG".to_owned()));
    let garbled = v1::PauseRolloutRequest { name: name.clone(), etag: "no".to_owned(), ..Default::default() };
    let refused = server.rollouts().pause_rollout(garbled).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let other = v1::GetRolloutRequest { name: name.replace("checkout/", "other/") };
    let refused = server.rollouts().get_rollout(other).await.unwrap_err();
    assert_eq!(why(&refused), (Code::NotFound, "NOT_FOUND".to_owned()));
    assert_eq!(server.rollout(&name).await.epoch, rollout.epoch, "something refused was decided");
}

#[tokio::test]
async fn etags_guard_every_write() {
    let server = Server::plain().await;
    let first = server.put_service(SERVICE).await;
    assert_eq!(server.put_service(SERVICE).await.etag, first.etag, "nothing changed, so nothing was written");
    let write = |etag: &str, owner: &str| v1::UpdateServiceRequest {
        service: Some(v1::Service {
            name: SERVICE.to_owned(),
            owner: owner.to_owned(),
            etag: etag.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let second = server.services().update_service(write(&first.etag, "ann")).await.unwrap().into_inner();
    assert_ne!(second.service.unwrap().etag, first.etag);
    let refused = server.services().update_service(write(&first.etag, "bob")).await.unwrap_err();
    assert_eq!(why(&refused), (Code::Aborted, "STALE_ETAG".to_owned()));
    let delete = v1::DeleteServiceRequest { name: SERVICE.to_owned(), etag: first.etag, ..Default::default() };
    let refused = server.services().delete_service(delete).await.unwrap_err();
    assert_eq!(why(&refused), (Code::Aborted, "STALE_ETAG".to_owned()));
    let strict = v1::UpdateServiceRequest {
        service: Some(v1::Service { name: "services/new".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let refused = server.services().update_service(strict.clone()).await.unwrap_err();
    assert_eq!(why(&refused), (Code::NotFound, "NOT_FOUND".to_owned()));
    let checked = v1::UpdateServiceRequest { allow_missing: true, validate_only: true, ..strict };
    server.services().update_service(checked).await.unwrap();
    let get = v1::GetServiceRequest { name: "services/new".to_owned() };
    assert_eq!(server.services().get_service(get).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn messages_have_a_size_and_a_shape() {
    let server = Server::plain().await;
    let path = "/meridian.v1.ServiceService/GetService";
    let table: [(Vec<u8>, Code, &str); 4] = [
        (vec![0xff; 64], Code::InvalidArgument, "MALFORMED_MESSAGE"),
        // Field 1 as a number, where a text is meant.
        (vec![0x08, 0x01], Code::InvalidArgument, "MALFORMED_MESSAGE"),
        // Groups in groups.
        (vec![0x13; 10_000], Code::InvalidArgument, "MALFORMED_MESSAGE"),
        (vec![0; 1024 * 1024 + 1], Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
    ];
    for (body, code, reason) in table {
        let refused = raw::call(server.channel.clone(), path, body).await.unwrap_err();
        assert_eq!(why(&refused), (code, reason.to_owned()));
    }
    for path in
        ["/meridian.v1.ServiceService/Nothing", "/nobody.Here/Nothing", "/%6deridian.v1.ServiceService/GetService"]
    {
        let refused = raw::call(server.channel.clone(), path, vec![]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn pages_are_whole_and_tokens_are_ours() {
    let server = Server::plain().await;
    let ids = ["a", "a-b", "b", "checkout", "checkout-2"];
    for id in ids {
        server.put_service(&format!("services/{id}")).await;
        server.put_region(id).await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListServicesRequest { page_size: 2, page_token: token };
        let page = server.services().list_services(request).await.unwrap().into_inner();
        assert!(page.services.len() <= 2);
        seen.extend(page.services.into_iter().map(|service| service.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ids.map(|id| format!("services/{id}")));
    let page = v1::ListRegionsRequest { page_size: 1, ..Default::default() };
    let token = server.regions().list_regions(page).await.unwrap().into_inner().next_page_token;
    let services = |size: i32, token: &str| v1::ListServicesRequest { page_size: size, page_token: token.to_owned() };
    for (size, token) in [(-1, ""), (0, "garbage"), (0, "00"), (0, token.as_str()), (0, &"ab".repeat(5000))] {
        let refused: Status = server.services().list_services(services(size, token)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{size} {token}");
    }
    let all = server.services().list_services(services(i32::MAX, "")).await.unwrap().into_inner();
    assert_eq!(all.services.len(), ids.len());
}

#[tokio::test]
async fn request_ids_are_uuids() {
    let server = Server::plain().await;
    for id in ["1", "../../x", &uuid().replace('-', "")] {
        let service = Some(v1::Service { name: SERVICE.to_owned(), ..Default::default() });
        let request_id = id.to_owned();
        let request = v1::UpdateServiceRequest { service, allow_missing: true, request_id, ..Default::default() };
        let refused = server.services().update_service(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{id}");
        assert_eq!(fields(&refused), ["request_id"]);
    }
}
