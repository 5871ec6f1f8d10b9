//! Who is shown personal data: recorded in the access log.

use super::{Context, Problem, write};
use axum::extract::FromRequestParts;
use http::request::Parts;
use inventory_app::{
    App, Caller,
    access_log::{Shown, Viewing},
};

/// Whoever asks for something that holds personal data.
pub(crate) struct Viewer {
    app: App,
    action: &'static str,
    caller: Caller,
}

impl FromRequestParts<Context> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        Ok(Self {
            app: context.app().clone(),
            action: context.operation.name,
            caller: write::asking(parts, context),
        })
    }
}

impl Viewer {
    /// Records what is about to be shown.
    pub(crate) fn sees(&self, all: impl IntoIterator<Item = Shown>) {
        let viewing = Viewing {
            action: self.action,
            actor: &self.caller.actor,
            address: self.caller.address,
            request_id: &self.caller.request_id,
        };
        self.app.shown(&viewing, all);
    }
}
