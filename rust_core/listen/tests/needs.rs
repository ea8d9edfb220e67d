//! Checks that wait for a key: one need for all, a deadline for each, and no wake-up too many.

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
    use std::time::{Duration, Instant};

    use accredit_core::decide::Need;
    use accredit_core::engine::{Engine, EngineSettings};
    use accredit_listen::needs::{CAPACITY, Waited};
    use accredit_listen::{EngineHandler, Needs, moment};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use serde_json::json;

    use crate::support::{Bed, CHECK, eventually, framed, settings};

    const ISSUER: &str = "https://issuer.example";
    const RESOURCE: &str = "https://api.example/orders";

    struct Issuer {
        pair: Ed25519KeyPair,
    }

    impl Issuer {
        fn new() -> Self {
            Self { pair: Ed25519KeyPair::generate().unwrap() }
        }

        fn jwks(&self) -> Vec<u8> {
            let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
            let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x});
            json!({"keys": [key]}).to_string().into_bytes()
        }

        fn token(&self, now_s: u64) -> String {
            let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let header = part(json!({"alg": "Ed25519", "typ": "at+jwt", "kid": "ed"}));
            let claims = part(json!({
                "iss": ISSUER, "sub": "s", "client_id": "c", "aud": RESOURCE,
                "iat": now_s, "exp": now_s + 300, "jti": "j", "scope": "orders:read",
            }));
            let signed = format!("{header}.{claims}");
            let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
            format!("{signed}.{signature}")
        }
    }

    fn catalogue() -> Vec<u8> {
        json!({
            "format": "accredit-compiled/1",
            "issuers": [{
                "issuer": ISSUER, "algorithms": ["Ed25519"],
                "profile": {"kind": "rfc9068"}, "refreshable": true,
            }],
            "resources": [{
                "resource": RESOURCE, "owner": "orders-team", "issuers": [ISSUER],
                "audience": {"mode": "exactly_one"}, "max_lifetime_s": 900,
                "mode": "enforce", "report_since_s": null, "report_until_s": null,
                "paths": "refuse", "scopes": null, "metadata_url": null, "cors_preflight": false,
                "selectors": {"route_metadata": [], "destination_principal": []},
                "routes": [{
                    "hosts": ["api.example"], "paths": ["/orders/**"], "methods": ["GET"],
                    "scopes": {"all": ["orders:read"]}, "access": "token",
                    "cors_preflight": false,
                }],
            }],
        })
        .to_string()
        .into_bytes()
    }

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![(number << 3) | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(bytes);
        out
    }

    /// `attributes.request.http` with a method, one header, a path and a host.
    fn check_request(token: &str) -> Vec<u8> {
        let bearer = format!("Bearer {token}");
        let header = [field(1, b"authorization"), field(2, bearer.as_bytes())].concat();
        let http =
            [field(2, b"GET"), field(3, &header), field(4, b"/orders/7"), field(5, b"api.example")]
                .concat();
        field(1, &field(4, &field(2, &http)))
    }

    fn engine() -> Arc<Engine> {
        let engine = Arc::new(Engine::new(EngineSettings::default()));
        engine.load_catalogue(&catalogue()).unwrap();
        engine
    }

    struct Fixture {
        bed: Bed<EngineHandler>,
        engine: Arc<Engine>,
        needs: Arc<Needs>,
        issuer: Issuer,
        request: Vec<u8>,
    }

    fn fixture(need_wait: Duration) -> Fixture {
        let engine = engine();
        let needs = Arc::new(Needs::new().unwrap());
        let handler = EngineHandler::new(Arc::clone(&engine), Arc::clone(&needs), need_wait);
        let issuer = Issuer::new();
        let request = check_request(&issuer.token(moment::now_ms() / 1_000));
        Fixture { bed: Bed::new(handler, settings()), engine, needs, issuer, request }
    }

    impl Fixture {
        fn bring_keys(&self) {
            let now_ms = moment::now_ms();
            let until_s = i64::try_from(now_ms / 1_000).unwrap() + 600;
            self.engine.set_keys(ISSUER, &self.issuer.jwks(), now_ms, until_s).unwrap();
            self.needs.resolve(ISSUER);
        }

        fn readable(&self) -> bool {
            let descriptor = self.needs.descriptor();
            let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
            poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
        }
    }

    fn allows(message: &[u8]) -> bool {
        // status { code: 0 }, the only code that Envoy lets through.
        message.starts_with(&[0x0a, 2, 8, 0]) && mentions(message, "x-accredit-subject")
    }

    fn mentions(message: &[u8], text: &str) -> bool {
        message.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn a_thousand_checks_for_one_key_are_one_need_and_one_wake_up() {
        let fixture = fixture(Duration::from_mins(1));
        fixture.bed.run(async {
            let client = fixture.bed.client().await;
            let calls: Vec<_> = (0..1_000)
                .map(|_| {
                    let (client, request) = (client.clone(), fixture.request.clone());
                    tokio::spawn(async move { client.check(&request).await })
                })
                .collect();
            eventually("all wait", || fixture.needs.counts().needs_waiting_now == 1_000);
            assert!(fixture.readable());
            let taken = fixture.needs.take();
            assert_eq!(taken.iter().map(AsRef::as_ref).collect::<Vec<_>>(), [ISSUER]);
            assert!(!fixture.readable());
            fixture.bring_keys();
            for call in calls {
                assert!(allows(call.await.unwrap().message()));
            }
        });
        let counts = fixture.needs.counts();
        assert_eq!((counts.needs_asked, counts.needs_wakeups), (1, 1));
        assert_eq!((counts.needs_waited, counts.needs_late), (1_000, 0));
        assert!(fixture.needs.take().is_empty());
    }

    #[test]
    fn a_check_whose_key_never_comes_is_denied_in_time() {
        let fixture = fixture(Duration::from_millis(50));
        fixture.bed.run(async {
            let client = fixture.bed.client().await;
            let answer = client.check(&fixture.request).await;
            assert!(mentions(answer.message(), "keys_unavailable"), "{answer:?}");
            assert!(!allows(answer.message()));
        });
        assert_eq!(fixture.needs.counts().needs_late, 1);
        assert_eq!(fixture.needs.take().len(), 1);
    }

    #[test]
    fn the_callers_own_deadline_is_kept() {
        let fixture = fixture(Duration::from_mins(1));
        fixture.bed.run(async {
            let client = fixture.bed.client().await;
            for timeout in ["120m", "1m", "0S"] {
                let headers = [("grpc-timeout", timeout)];
                let answer = client.call(CHECK, &headers, framed(&fixture.request)).await.unwrap();
                assert!(mentions(answer.message(), "keys_unavailable"), "{timeout}: {answer:?}");
            }
        });
        assert_eq!(fixture.needs.counts().needs_late, 3);
    }

    #[test]
    fn a_refresh_that_fails_ends_the_wait() {
        let fixture = fixture(Duration::from_mins(1));
        fixture.bed.run(async {
            let client = fixture.bed.client().await;
            let (again, request) = (client.clone(), fixture.request.clone());
            let call = tokio::spawn(async move { again.check(&request).await });
            eventually("it waits", || fixture.needs.counts().needs_waiting_now == 1);
            fixture.engine.refresh_failed(ISSUER);
            fixture.needs.resolve(ISSUER);
            let answer = call.await.unwrap();
            assert!(mentions(answer.message(), "keys_unavailable"), "{answer:?}");
        });
        assert_eq!(fixture.needs.counts().needs_late, 0);
    }

    #[test]
    fn a_caller_that_hangs_up_waits_no_longer() {
        let fixture = fixture(Duration::from_mins(1));
        fixture.bed.run(async {
            let client = fixture.bed.client().await;
            let mut send = client.send.clone().ready().await.unwrap();
            let (_response, mut stream) =
                send.send_request(crate::support::request(CHECK, &[]), false).unwrap();
            stream.send_data(framed(&fixture.request), true).unwrap();
            eventually("it waits", || fixture.needs.counts().needs_waiting_now == 1);
            stream.send_reset(h2::Reason::CANCEL);
            eventually("it is gone", || fixture.needs.counts().needs_waiting_now == 0);
        });
    }

    #[test]
    fn bad_requests_are_denials() {
        let fixture = fixture(Duration::from_millis(10));
        let mut truncated = fixture.request.clone();
        truncated.truncate(fixture.request.len() / 2);
        fixture.bed.run(async {
            let client = fixture.bed.client().await;
            for (what, message, reason) in [
                ("nothing", Vec::new(), "request_not_http"),
                ("no protobuf", vec![0xff; 64], "request_malformed"),
                ("truncated", truncated, "request_malformed"),
                ("over limits.request_bytes", vec![0; 1_048_577], "request_too_large"),
            ] {
                let answer = client.check(&message).await;
                assert!(mentions(answer.message(), reason), "{what}: {answer:?}");
                assert!(!allows(answer.message()), "{what}");
            }
        });
        assert_eq!(fixture.bed.door.counts().checks_status, 0);
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn need(issuer: &str, start: bool) -> Need {
        Need { issuer: Arc::from(issuer), start }
    }

    #[test]
    fn a_resolve_between_judging_and_waiting_is_not_missed() {
        let needs = Needs::new().unwrap();
        let mark = needs.mark();
        needs.resolve("a");
        let until = Instant::now() + Duration::from_mins(1);
        assert_eq!(block_on(needs.wait(&need("a", false), mark, until)), Waited::Resolved);
        let soon = Instant::now() + Duration::from_millis(10);
        let waited = block_on(needs.wait(&need("a", false), needs.mark(), soon));
        assert_eq!(waited, Waited::Late, "an older resolve says nothing");
        assert!(needs.take().is_empty(), "only the check that begins the refresh asks");
    }

    #[test]
    fn the_queue_is_bounded_and_wakes_again_after_it_was_taken() {
        let needs = Needs::new().unwrap();
        let now = Instant::now();
        block_on(async {
            for number in 0..CAPACITY {
                let waited = needs.wait(&need(&number.to_string(), true), needs.mark(), now).await;
                assert_eq!(waited, Waited::Late);
            }
            let over = needs.wait(&need("over", true), needs.mark(), now).await;
            assert_eq!(over, Waited::Refused);
            // One that stands there already needs no room.
            let there = needs.wait(&need("0", true), needs.mark(), now).await;
            assert_eq!(there, Waited::Late);
            assert_eq!(needs.counts().needs_wakeups, 1);
            assert_eq!(needs.take().len(), CAPACITY);
            needs.wait(&need("over", true), needs.mark(), now).await;
            assert_eq!(needs.counts().needs_wakeups, 2);
            assert_eq!(needs.take().len(), 1);
        });
    }
}
