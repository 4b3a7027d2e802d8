//! Answers of every framing, cut at every byte.

use super::*;

fn read(text: &str) -> Vec<Result<Fed, Malformed>> {
    let slot = MadeBySlot::default();
    (0..text.len())
        .map(|cut| {
            let mut reader = AnswerReader::new(Method::Get);
            match reader.feed(&text.as_bytes()[..cut], &slot) {
                Ok(Fed::More) => reader.feed(&text.as_bytes()[cut..], &slot),
                Ok(Fed::Done(_)) => panic!("complete after {cut} bytes of {text:?}"),
                Err(error) => Err(error),
            }
        })
        .collect()
}

fn answer(text: &str) -> Answer {
    let mut answers = read(text).into_iter().map(|fed| match fed {
        Ok(Fed::Done(answer)) => answer,
        other => panic!("{text:?}: {other:?}"),
    });
    let first = answers.next().unwrap();
    assert!(answers.all(|other| other == first), "{text:?} depends on where it is cut");
    first
}

#[test]
fn every_framing_is_read() {
    for body in [
        "content-length: 3\r\n\r\none",
        "Content-Length: 0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n",
    ] {
        let answer =
            answer(&format!("HTTP/1.1 200 OK\r\nX-Skyoptima-Version: 1.0.0\r\nx-meridian-slot: blue\r\n{body}"));
        assert_eq!((answer.status, answer.connection), (200, AfterAnswer::Keep), "{body:?}");
        assert_eq!((answer.version.as_deref(), answer.slot.as_deref()), (Some("1.0.0"), Some("blue")));
        assert_eq!(answer.origin, Origin::Slot);
    }
    assert_eq!(answer("HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n").status, 204);
    assert_eq!(answer("HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").status, 404);
}

#[test]
fn it_is_known_when_the_connection_is_of_no_more_use() {
    let connection = |text| answer(text).connection;
    let (keep, close) = (AfterAnswer::Keep, AfterAnswer::Close);
    assert_eq!(connection("HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 0\r\n\r\n"), close);
    assert_eq!(connection("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"), close);
    assert_eq!(connection("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n"), keep);

    let mut reader = AnswerReader::new(Method::Get);
    let fed = reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc", &MadeBySlot::default()).unwrap();
    assert!(matches!(fed, Fed::Done(Answer { connection: AfterAnswer::Close, .. })));
}

#[test]
fn an_end_means_what_came_before_it() {
    let end = |text: &str| {
        let mut reader = AnswerReader::new(Method::Get);
        assert_eq!(reader.feed(text.as_bytes(), &MadeBySlot::default()), Ok(Fed::More));
        reader.end()
    };
    assert_eq!(AnswerReader::new(Method::Get).end(), Ended::NoAnswer);
    assert_eq!(end("HTTP/1.1 20"), Ended::Truncated);
    assert_eq!(end("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\non"), Ended::Truncated);
    assert_eq!(end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"), Ended::Truncated);
    assert!(matches!(end("HTTP/1.1 200 OK\r\n\r\nall of it"), Ended::Done(_)));
}

#[test]
fn an_answer_of_the_proxy_is_told_apart() {
    let text = "HTTP/1.1 502 Bad\r\nx-meridian-proxy-error: connect\r\ncontent-length: 0\r\n\r\n";
    let detail = "status 502, x-meridian-proxy-error: connect".to_owned();
    assert_eq!(answer(text).origin, Origin::Other { detail });

    let judge = MadeBySlot::Judge(std::sync::Arc::new(|head: &AnswerHead<'_>| head.status < 500));
    let made = |text: &str| match AnswerReader::new(Method::Get).feed(text.as_bytes(), &judge) {
        Ok(Fed::Done(answer)) => answer.origin == Origin::Slot,
        other => panic!("{other:?}"),
    };
    assert!(!made(text) && made("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"));
}

#[test]
fn what_is_no_answer_is_refused() {
    for text in [
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: three\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense",
    ] {
        assert!(read(text).iter().all(Result::is_err), "{text:?}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(20_000));
    assert!(AnswerReader::new(Method::Get).feed(endless.as_bytes(), &MadeBySlot::default()).is_err());
}

#[test]
fn the_answer_to_a_head_has_no_body_whatever_it_says() {
    let mut reader = AnswerReader::new(Method::Head);
    let answer = b"HTTP/1.1 200 OK\r\nx-skyoptima-version: 1\r\ncontent-length: 99\r\n\r\n";
    assert!(matches!(reader.feed(answer, &MadeBySlot::default()), Ok(Fed::Done(Answer { status: 200, .. }))));
}
