//! What people and pipelines give: feedback, which is added up, and KPIs, which are bounded.

use meridian_core::time::Timestamp;
use meridian_proto::convert::timestamp_to_wire;
use meridian_proto::r#gen::v1;
use tonic::Code;

use super::calls;
use crate::support::fixture::SERVICE;
use crate::support::{Server, uuid, why};

const RELEASE: &str = "services/checkout/releases/1.0.0";

#[tokio::test]
async fn feedback_is_added_up_and_kpis_are_bounded() {
    let server = Server::plain().await;
    server.stocked().await;
    let give = |score: u32, severity: v1::feedback::Severity| v1::GiveFeedbackRequest {
        feedback: Some(v1::Feedback {
            release: RELEASE.to_owned(),
            score,
            severity: severity.into(),
            text: "works for me".to_owned(),
            cohort: "partners".to_owned(),
            actor: "ann".to_owned(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let (note, blocker) = (v1::feedback::Severity::Note, v1::feedback::Severity::Blocker);
    let once = v1::GiveFeedbackRequest { request_id: uuid(), ..give(5, note) };
    for request in [once.clone(), once, give(2, blocker)] {
        calls(&server).give_feedback(request).await.unwrap();
    }
    let list = v1::ListFeedbackRequest { parent: RELEASE.to_owned(), ..Default::default() };
    let all = calls(&server).list_feedback(list).await.unwrap().into_inner();
    assert_eq!(all.opinion.unwrap(), v1::Opinion { answers: 2, scores: 7, blockers: 1 });
    let unverified = i32::from(v1::feedback::Source::Unverified);
    assert!(all.feedback.iter().all(|one| one.source == unverified && one.cohort == "partners"));
    for score in [0, 6] {
        let refused = calls(&server).give_feedback(give(score, note)).await.unwrap_err();
        assert_eq!(why(&refused), (Code::InvalidArgument, "OUT_OF_RANGE".to_owned()));
    }
    let mut unknown = give(3, note);
    unknown.feedback.as_mut().unwrap().release = format!("{SERVICE}/releases/9.9.9");
    assert_eq!(calls(&server).give_feedback(unknown).await.unwrap_err().code(), Code::NotFound);

    let record = |kpi: &str, value: &str| v1::RecordKpiRequest {
        parent: SERVICE.to_owned(),
        kpi: kpi.to_owned(),
        value: value.to_owned(),
        time: None,
    };
    for (kpi, value, reason) in [("A", "1", "BAD_NAME"), ("a", "NaN", "BAD_DECIMAL"), ("a", "", "MISSING")] {
        let refused = calls(&server).record_kpi(record(kpi, value)).await.unwrap_err();
        assert_eq!(why(&refused), (Code::InvalidArgument, reason.to_owned()));
    }
    let ahead = timestamp_to_wire(Timestamp::from_millis(32_503_680_000_000));
    let refused = calls(&server).record_kpi(v1::RecordKpiRequest { time: Some(ahead), ..record("a", "1") }).await;
    assert_eq!(why(&refused.unwrap_err()).1, "SAMPLE_AHEAD");
    for number in 0..32 {
        calls(&server).record_kpi(record(&format!("kpi-{number}"), "-1.5")).await.unwrap();
    }
    let refused = calls(&server).record_kpi(record("one-more", "1")).await.unwrap_err();
    assert_eq!(why(&refused), (Code::FailedPrecondition, "TOO_MANY_KPIS".to_owned()));
    let list = v1::ListKpisRequest { parent: SERVICE.to_owned() };
    let kpis = calls(&server).list_kpis(list).await.unwrap().into_inner().kpis;
    assert_eq!((kpis.len(), kpis[0].last_value.as_str(), kpis[0].samples), (32, "-1.5", 1));
}
