//! Closing the door under traffic, and what health and reflection say before and after.

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
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use accredit_listen::service::AUTHORIZATION;
    use bytes::Bytes;
    use tokio::net::TcpStream;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_reflection::pb::v1 as reflection;
    use tonic_reflection::pb::v1alpha as reflection_alpha;

    use crate::support::{
        Bed, CHECK, Channel, Client, Echo, announced, answer, eventually, framed, request, settings,
    };

    #[test]
    fn calls_in_flight_are_answered_and_the_peer_is_told_to_go() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let calls: Vec<_> = (0..200)
                .map(|_| {
                    let client = client.clone();
                    tokio::spawn(async move { client.check(b"wait:300").await })
                })
                .collect();
            eventually("all are in flight", || bed.door.counts().streams_open == 200);
            let door = Arc::clone(&bed.door);
            let drained =
                tokio::task::spawn_blocking(move || door.drain(Duration::from_secs(30)).unwrap());
            for call in calls {
                assert_eq!(call.await.unwrap().message(), b"wait:300");
            }
            assert!(drained.await.unwrap());
            // GOAWAY, then closed: the connection ended without an error.
            let connection = Arc::into_inner(client.connection).unwrap();
            connection.await.unwrap().unwrap();
            assert!(TcpStream::connect(&bed.address).await.is_err());
        });
        assert_eq!(bed.door.counts().connections_failed, 0);
        assert!(bed.door.drain(Duration::from_secs(1)).unwrap(), "a second drain changes nothing");
    }

    #[test]
    fn restarting_one_door_after_the_other_loses_no_call() {
        let mut beds = [Bed::new(Echo, settings()), Bed::new(Echo, settings())];
        let addresses = [beds[0].address.clone(), beds[1].address.clone()];
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let traffic: Vec<_> = (0..8)
            .map(|_| {
                runtime.spawn(traffic(addresses.clone(), Arc::clone(&stop), Arc::clone(&done)))
            })
            .collect();
        for round in 0..4 {
            let before = done.load(Ordering::SeqCst);
            eventually("traffic flows", || done.load(Ordering::SeqCst) > before + 200);
            let place = round % 2;
            assert!(beds[place].door.drain(Duration::from_secs(30)).unwrap());
            let mut again = settings();
            again.address.clone_from(&addresses[place]);
            beds[place] = Bed::new(Echo, again);
        }
        stop.store(true, Ordering::SeqCst);
        for worker in traffic {
            runtime.block_on(worker).unwrap();
        }
    }

    /// A client as a gateway's is: it leaves a connection that says GOAWAY, tries the other address
    /// where one does not connect, and never sends a call twice.
    async fn traffic(addresses: [String; 2], stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
        let mut place = 0;
        while !stop.load(Ordering::SeqCst) {
            place = 1 - place;
            if TcpStream::connect(&addresses[place]).await.is_err() {
                continue;
            }
            let Ok(client) = Client::try_connect(&addresses[place]).await else { continue };
            while !stop.load(Ordering::SeqCst) {
                // Refused before it was sent: the connection is going, which is no failed call.
                let Ok(mut send) = client.send.clone().ready().await else { break };
                let Ok((response, mut stream)) = send.send_request(request(CHECK, &[]), false)
                else {
                    break;
                };
                let sent = stream.send_data(framed(b"wait:2"), true);
                match answer(response).await {
                    Ok(answer) => assert_eq!(answer.message(), b"wait:2"),
                    // RFC 9113, section 8.7: refused streams were not processed and may be retried.
                    Err(error) if refused(&error) => break,
                    Err(error) => panic!("a call was lost: {error:?} {sent:?}"),
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn refused(error: &h2::Error) -> bool {
        error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || (error.is_go_away() && error.is_remote())
    }

    #[test]
    fn a_drain_that_takes_too_long_says_so_and_ends() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let call = {
                let client = client.clone();
                tokio::spawn(async move { client.call(CHECK, &[], framed(b"wait:600000")).await })
            };
            eventually("it is in flight", || bed.door.counts().streams_open == 1);
            let door = Arc::clone(&bed.door);
            let began = Instant::now();
            let clean = tokio::task::spawn_blocking(move || {
                door.drain(Duration::from_millis(100)).unwrap()
            });
            assert!(!clean.await.unwrap());
            assert!(began.elapsed() < Duration::from_mins(1));
            assert!(call.await.unwrap().is_err());
        });
    }

    #[test]
    fn health_is_told_per_service() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let mut health = HealthClient::new(Channel(bed.client().await));
            for (ready, expected) in [
                (None, ServingStatus::NotServing),
                (Some(true), ServingStatus::Serving),
                (Some(false), ServingStatus::NotServing),
            ] {
                if let Some(ready) = ready {
                    bed.door.set_ready(ready).unwrap();
                }
                for service in ["", AUTHORIZATION] {
                    let question = HealthCheckRequest { service: service.to_owned() };
                    let answer = health.check(question).await.unwrap().into_inner();
                    assert_eq!(answer.status(), expected, "{service}");
                }
            }
            let question = HealthCheckRequest { service: "a.Stranger".to_owned() };
            assert_eq!(health.check(question).await.unwrap_err().code(), tonic::Code::NotFound);
        });
    }

    #[test]
    fn an_endless_watch_does_not_hold_up_a_drain() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let watch = {
                let client = client.clone();
                let path = "/grpc.health.v1.Health/Watch";
                tokio::spawn(async move { client.call(path, &[], framed(b"")).await })
            };
            eventually("it watches", || bed.door.counts().streams_open == 1);
            let door = Arc::clone(&bed.door);
            let drained =
                tokio::task::spawn_blocking(move || door.drain(Duration::from_secs(30)).unwrap());
            assert!(drained.await.unwrap());
            let watched = watch.await.unwrap().unwrap();
            assert_eq!(watched.grpc_status.as_deref(), Some("14"));
            assert!(!watched.messages.is_empty());
        });
    }

    #[test]
    fn reflection_names_and_describes_what_is_served() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            for version in ["v1", "v1alpha"] {
                let path = format!(
                    "/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
                );
                // The messages of both versions are the same on the wire.
                let list = reflection::ServerReflectionRequest {
                    host: String::new(),
                    message_request: Some(
                        reflection::server_reflection_request::MessageRequest::ListServices(
                            String::new(),
                        ),
                    ),
                };
                let services = ask::<reflection_alpha::ServerReflectionResponse>(
                    &client,
                    &path,
                    &prost_bytes(&list),
                )
                .await;
                let Some(
                    reflection_alpha::server_reflection_response::MessageResponse::ListServicesResponse(
                        services,
                    ),
                ) = services.message_response
                else {
                    panic!("no list: {services:?}");
                };
                let names: Vec<_> =
                    services.service.iter().map(|service| service.name.as_str()).collect();
                assert!(names.contains(&AUTHORIZATION), "{names:?}");
                assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
                assert!(names.contains(&"grpc.reflection.v1.ServerReflection"), "{names:?}");
                assert_eq!(names.len(), 4, "{names:?}");
                let describe = reflection::ServerReflectionRequest {
                    host: String::new(),
                    message_request: Some(
                        reflection::server_reflection_request::MessageRequest::FileContainingSymbol(
                            AUTHORIZATION.to_owned(),
                        ),
                    ),
                };
                let described = ask::<reflection::ServerReflectionResponse>(
                    &client,
                    &path,
                    &prost_bytes(&describe),
                )
                .await;
                assert!(matches!(
                    described.message_response,
                    Some(
                        reflection::server_reflection_response::MessageResponse::FileDescriptorResponse(
                            files
                        )
                    ) if !files.file_descriptor_proto.is_empty()
                ));
            }
        });
    }

    async fn ask<M: prost::Message + Default>(client: &Client, path: &str, question: &[u8]) -> M {
        let answer = client.call(path, &[], framed(question)).await.unwrap();
        M::decode(answer.message()).unwrap()
    }

    fn prost_bytes(message: &impl prost::Message) -> Bytes {
        Bytes::from(message.encode_to_vec())
    }

    #[test]
    fn an_unfinished_message_at_the_drain_can_still_be_finished() {
        let bed = Bed::new(Echo, settings());
        bed.run(async {
            let client = bed.client().await;
            let mut send = client.send.clone().ready().await.unwrap();
            let (response, mut stream) = send.send_request(request(CHECK, &[]), false).unwrap();
            stream.send_data(announced(8, b"half"), false).unwrap();
            eventually("it is charged", || bed.door.counts().receiving_bytes_now == 13);
            let door = Arc::clone(&bed.door);
            let drained =
                tokio::task::spawn_blocking(move || door.drain(Duration::from_secs(30)).unwrap());
            client.connection.is_finished();
            stream.send_data(Bytes::from_static(b"half"), true).unwrap();
            assert_eq!(answer(response).await.unwrap().message(), b"halfhalf");
            assert!(drained.await.unwrap());
        });
    }
}
