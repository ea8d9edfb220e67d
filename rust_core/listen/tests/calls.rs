//! One call at a time and many: what passes, what is a denial, what is a status.

mod support;

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test may fail loudly"
    )]

    use bytes::Bytes;

    use crate::support::{
        Bed, CHECK, Client, Echo, announced, answer, eventually, framed, request, send_all,
        settings,
    };

    /// Whether a message is a denial with this reason: `status { code }` first, then the rest.
    fn denies(message: &[u8], reason: &str) -> bool {
        message.starts_with(&[0x0a, 2, 8])
            && message[3] != 0
            && message.windows(reason.len()).any(|window| window == reason.as_bytes())
    }

    #[test]
    fn bytes_pass_as_they_are() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let large = vec![7; 70_000];
            for message in [&b""[..], b"\x0a\x00", b"\xff\xfe not protobuf", &large] {
                let answer = client.check(message).await;
                assert_eq!(answer.message(), message);
                assert_eq!(answer.http_status, 200);
                assert!(answer.headers.get("grpc-encoding").is_none());
            }
        });
        assert_eq!(bed.door.counts().checks, 4);
        assert_eq!(bed.door.counts().checks_status, 0);
    }

    #[test]
    fn broken_framing_is_a_status() {
        let bed = Bed::new(Echo, settings());
        let mut compressed = framed(b"abc").to_vec();
        compressed[0] = 1;
        let mut flagged = framed(b"abc").to_vec();
        flagged[0] = 7;
        bed.run(async {
            let client = bed.client().await;
            for (what, body, status) in [
                ("no message", Bytes::new(), "13"),
                ("half a header", Bytes::from_static(&[0, 0, 0]), "13"),
                ("half a message", announced(10, b"abc"), "13"),
                ("compressed", Bytes::from(compressed), "13"),
                ("unknown flag", Bytes::from(flagged), "13"),
                ("over the transport's cap", announced(16_777_217, b"abc"), "11"),
            ] {
                let answer = client.call(CHECK, &[], body).await.unwrap();
                assert_eq!(answer.grpc_status.as_deref(), Some(status), "{what}");
                assert!(answer.messages.is_empty(), "{what}");
            }
            let unsupported = [("grpc-encoding", "gzip")];
            let answer = client.call(CHECK, &unsupported, framed(b"abc")).await.unwrap();
            assert_eq!(answer.grpc_status.as_deref(), Some("12"));
        });
        assert_eq!(bed.door.counts().checks_status, 7);
    }

    #[test]
    fn a_message_as_large_as_the_cap_passes() {
        let bed = Bed::new(Echo, settings());
        let message = vec![1; 16_777_216];
        bed.run(async {
            let client = bed.client().await;
            assert_eq!(client.check(&message).await.message().len(), message.len());
        });
        assert_eq!(bed.door.counts().receiving_bytes_now, 0);
    }

    #[test]
    fn unknown_methods_are_unimplemented() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            for path in ["/", "/envoy.service.auth.v3.Authorization/Chec", "/a.B/C"] {
                let answer = client.call(path, &[], framed(b"")).await.unwrap();
                assert_eq!(answer.grpc_status.as_deref(), Some("12"), "{path}");
            }
        });
    }

    #[test]
    fn many_streams_of_one_connection_are_all_answered() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let calls: Vec<_> = (0..3_000_u32)
                .map(|number| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        let message = format!("call {number}").into_bytes();
                        assert_eq!(client.check(&message).await.message(), message);
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
        });
        assert_eq!(bed.door.counts().checks, 3_000);
        eventually("every stream is given back", || bed.door.counts().streams_open == 0);
    }

    #[test]
    fn a_panic_in_the_handler_is_a_denial() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let answer = client.check(b"panic").await;
            assert!(denies(answer.message(), "internal"), "{answer:?}");
            assert_eq!(client.check(b"after").await.message(), b"after");
        });
        assert_eq!(bed.door.counts().panics, 1);
    }

    #[test]
    fn a_check_above_the_stream_cap_is_denied_and_the_others_go_on() {
        let mut settings = settings();
        settings.streams = 2;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let client = bed.client().await;
            let mut held = Vec::new();
            for _ in 0..2 {
                let mut send = client.send.clone().ready().await.unwrap();
                held.push(send.send_request(request(CHECK, &[]), false).unwrap());
            }
            let shed = client.check(b"one more").await;
            assert!(denies(shed.message(), "overloaded"), "{shed:?}");
            for (response, mut stream) in held {
                stream.send_data(framed(b"held"), true).unwrap();
                assert_eq!(answer(response).await.unwrap().message(), b"held");
            }
            eventually("the places are given back", || bed.door.counts().streams_open == 0);
            assert_eq!(client.check(b"again").await.message(), b"again");
        });
        assert_eq!(bed.door.counts().checks_shed_streams, 1);
    }

    #[test]
    fn announced_bytes_above_the_cap_are_denied() {
        let mut settings = settings();
        settings.request_bytes = 10_000;
        settings.transport_message_bytes = 10_000;
        settings.receiving_bytes = 16_000;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let client = bed.client().await;
            let mut send = client.send.clone().ready().await.unwrap();
            let (response, mut stream) = send.send_request(request(CHECK, &[]), false).unwrap();
            // Only the announcement has come: the buffer is set aside all the same.
            stream.send_data(announced(9_000, b""), false).unwrap();
            eventually("the announcement is charged", || {
                bed.door.counts().receiving_bytes_now == 9_005
            });
            let shed = client.check(&[1; 9_000]).await;
            assert!(denies(shed.message(), "overloaded"), "{shed:?}");
            assert_eq!(client.check(&[1; 5_000]).await.message().len(), 5_000);
            send_all(&mut stream, Bytes::from(vec![2; 9_000])).await.unwrap();
            assert_eq!(answer(response).await.unwrap().message(), [2; 9_000]);
        });
        assert_eq!(bed.door.counts().checks_shed_bytes, 1);
        assert_eq!(bed.door.counts().receiving_bytes_now, 0);
    }

    #[test]
    fn a_message_that_does_not_arrive_is_a_status() {
        let mut settings = settings();
        settings.header_read_s = 0.05;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let client = bed.client().await;
            let mut send = client.send.clone().ready().await.unwrap();
            let (response, mut stream) = send.send_request(request(CHECK, &[]), false).unwrap();
            stream.send_data(announced(100, b"some"), false).unwrap();
            assert_eq!(answer(response).await.unwrap().grpc_status.as_deref(), Some("4"));
            assert_eq!(client.check(b"next").await.message(), b"next");
        });
    }

    #[test]
    fn headers_above_the_cap_do_not_reach_the_handler() {
        let mut settings = settings();
        settings.header_list_bytes = 2_048;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let client = bed.client().await;
            let large = "a".repeat(8_000);
            let answer = client.call(CHECK, &[("x-large", &large)], framed(b"abc")).await;
            assert!(answer.map_or(true, |answer| answer.http_status == 431));
            let fresh = Client::connect(&bed.address).await;
            assert_eq!(fresh.check(b"next").await.message(), b"next");
        });
        assert_eq!(bed.door.counts().checks, 1);
    }
}
