//! Connections: how many, how long, from where, and in which process.

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

    use std::sync::Arc;
    use std::time::Duration;

    use accredit_listen::{Door, DoorError, DoorSettings};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpStream, UnixStream};

    use crate::support::{
        Bed, CHECK, Client, Echo, announced, answer, eventually, framed, request, settings,
    };

    #[test]
    fn one_connection_above_the_cap_is_closed_and_a_place_is_given_back() {
        let mut settings = settings();
        settings.connections = 2;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let first = bed.client().await;
            let second = bed.client().await;
            assert_eq!(first.check(b"1").await.message(), b"1");
            assert_eq!(second.check(b"2").await.message(), b"2");
            let mut third = TcpStream::connect(&bed.address).await.unwrap();
            let mut seen = Vec::new();
            // Closed before a byte was sent by either side.
            assert_eq!(third.read_to_end(&mut seen).await.unwrap(), 0);
            assert_eq!(bed.door.counts().connections_refused, 1);
            second.connection.abort();
            drop(second);
            eventually("the place is given back", || bed.door.counts().connections_open == 1);
            assert_eq!(bed.client().await.check(b"4").await.message(), b"4");
        });
    }

    #[test]
    fn a_peer_that_sends_no_preface_is_closed() {
        let mut settings = settings();
        settings.header_read_s = 0.05;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            for sent in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
                let mut silent = TcpStream::connect(&bed.address).await.unwrap();
                silent.write_all(sent).await.unwrap();
                let mut seen = Vec::new();
                let _ = silent.read_to_end(&mut seen).await;
            }
        });
        assert_eq!(bed.door.counts().connections_silent, 2);
    }

    #[test]
    fn an_idle_connection_is_closed_in_an_orderly_way() {
        let mut settings = settings();
        settings.idle_s = 0.05;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let client = bed.client().await;
            // A call longer than the idle time does not count as idle.
            assert_eq!(client.check(b"wait:200").await.message(), b"wait:200");
            // The peer keeps its side: the end comes from the door.
            let Client { send, connection } = client;
            Arc::into_inner(connection).unwrap().await.unwrap().unwrap();
            drop(send);
        });
        eventually("it is counted", || bed.door.counts().connections_idle == 1);
        assert_eq!(bed.door.counts().connections_failed, 0);
    }

    #[test]
    fn a_peer_that_never_takes_its_answer_is_cut_off() {
        let mut settings = settings();
        settings.write_stall_s = 0.05;
        settings.header_read_s = 0.05;
        settings.need_wait_ms = 0;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let stream = TcpStream::connect(&bed.address).await.unwrap();
            // No room for a single byte of an answer.
            let (mut send, connection) = h2::client::Builder::new()
                .initial_window_size(0)
                .handshake::<_, bytes::Bytes>(stream)
                .await
                .unwrap();
            let connection = tokio::spawn(connection);
            let (response, mut body) = send.send_request(request(CHECK, &[]), false).unwrap();
            body.send_data(framed(b"answer me"), true).unwrap();
            // Headers need no window.
            let mut answered = response.await.unwrap().into_body();
            assert!(answered.data().await.is_none_or(|data| data.is_err()));
            let _ = connection.await;
        });
        eventually("it is counted", || bed.door.counts().connections_stalled == 1);
    }

    #[test]
    fn a_peer_that_does_not_answer_pings_is_closed() {
        let mut settings = settings();
        settings.http2_keepalive_s = 0.05;
        settings.http2_keepalive_timeout_s = 0.05;
        let bed = Bed::new(Echo, settings);
        bed.run(async {
            let mut stream = TcpStream::connect(&bed.address).await.unwrap();
            // Preface and an empty SETTINGS frame, then nothing more.
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
            let mut seen = Vec::new();
            let _ = stream.read_to_end(&mut seen).await;
        });
        eventually("it is gone", || bed.door.counts().connections_open == 0);
        assert_eq!(bed.door.counts().connections_silent, 0);
    }

    #[test]
    fn garbage_ends_its_own_connection_alone() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let mut garbage = TcpStream::connect(&bed.address).await.unwrap();
            garbage.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            let mut seen = Vec::new();
            let _ = garbage.read_to_end(&mut seen).await;
            assert_eq!(client.check(b"well").await.message(), b"well");
        });
        eventually("it is counted", || bed.door.counts().connections_failed == 1);
    }

    #[test]
    fn a_call_that_is_hung_up_gives_everything_back() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let mut send = client.send.clone().ready().await.unwrap();
            let (response, mut stream) = send.send_request(request(CHECK, &[]), false).unwrap();
            stream.send_data(announced(1_000, b"half"), false).unwrap();
            eventually("it is charged", || bed.door.counts().receiving_bytes_now == 1_005);
            stream.send_reset(h2::Reason::CANCEL);
            assert!(answer(response).await.is_err());
            eventually("it is given back", || {
                let counts = bed.door.counts();
                counts.receiving_bytes_now == 0 && counts.streams_open == 0
            });
        });
    }

    #[test]
    fn a_unix_socket_serves_and_its_file_comes_and_goes() {
        let path = std::env::temp_dir().join(format!("accredit-door-{}.sock", std::process::id()));
        let address = format!("unix:{}", path.display());
        for _ in 0..2 {
            let settings = DoorSettings { address: address.clone(), ..settings() };
            let bed = Bed::new(Echo, settings.clone());
            assert_eq!(bed.address, address);
            let second = Door::new(Arc::new(Echo), settings).unwrap();
            assert!(matches!(second.start(), Err(DoorError::Bind { .. })));
            bed.run(async {
                let stream = UnixStream::connect(&path).await.unwrap();
                let (send, connection) = h2::client::handshake(stream).await.unwrap();
                let connection = Arc::new(tokio::spawn(connection));
                let client = Client { send, connection };
                assert_eq!(client.check(b"unix").await.message(), b"unix");
            });
            assert!(bed.door.drain(Duration::from_secs(10)).unwrap());
            assert!(!path.exists());
            // What a killed process leaves behind is taken over.
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_loopback_is_listened_on() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "localhost:0"] {
            let settings = DoorSettings { address: address.to_owned(), ..settings() };
            let error = Door::new(Arc::new(Echo), settings).unwrap_err();
            assert!(matches!(error, DoorError::Address { .. }), "{address}");
            assert!(error.to_string().contains(address), "{error}");
        }
    }

    #[test]
    fn a_taken_port_is_an_error_and_a_door_opens_once() {
        let bed = Bed::new(Echo, settings());
        let settings = DoorSettings { address: bed.address.clone(), ..settings() };
        let second = Door::new(Arc::new(Echo), settings).unwrap();
        assert!(matches!(second.start(), Err(DoorError::Bind { .. })));
        assert!(matches!(bed.door.start(), Err(DoorError::Started)));
    }
}
