//! The product's handler: the engine, and the wait for what it lacks.

use std::sync::Arc;
use std::time::Duration;

use accredit_core::decide::Patience;
use accredit_core::engine::{Checked, Engine};
use bytes::Bytes;

use crate::handler::{Deadline, Handler, Trouble};
use crate::moment;
use crate::needs::{Needs, Waited};

/// Judges checks with an engine that other doors may share.
#[derive(Debug)]
pub struct EngineHandler {
    engine: Arc<Engine>,
    needs: Arc<Needs>,
    need_wait: Duration,
}

impl EngineHandler {
    /// A handler whose checks wait at most `need_wait` for a key.
    #[must_use]
    pub fn new(engine: Arc<Engine>, needs: Arc<Needs>, need_wait: Duration) -> Self {
        Self { engine, needs, need_wait }
    }

    fn judge(&self, request: &[u8], patience: Patience) -> Checked {
        self.engine.check(request, &moment::now(), patience)
    }
}

impl Handler for EngineHandler {
    async fn check(&self, request: Bytes, deadline: Deadline) -> Bytes {
        let mark = self.needs.mark();
        let need = match self.judge(&request, Patience::MayWait) {
            Checked::Answered(answer) => return Bytes::from(answer),
            Checked::Pending(need) => need,
        };
        let until = deadline.within(self.need_wait);
        // Boxed, since few calls wait and every call would carry the room that waiting takes.
        let waited = Box::pin(self.needs.wait(&need, mark, until)).await;
        if waited == Waited::Refused && need.start {
            // Nobody will fetch: the next check that lacks the key may begin anew.
            self.engine.refresh_failed(&need.issuer);
        }
        match self.judge(&request, Patience::Final) {
            Checked::Answered(answer) => Bytes::from(answer),
            // The engine never answers so; were it to, this is still no allow.
            Checked::Pending(_) => self.refuse(Trouble::Internal),
        }
    }

    fn refuse(&self, trouble: Trouble) -> Bytes {
        Bytes::from(self.engine.refusal(trouble.reason(), &moment::now()))
    }
}
