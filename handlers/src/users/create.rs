//! `users_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::identity::accounts;
use inventory_domain::{Conflict, account::NewUser};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewUser>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let user = accounts::create_user(&mut work, &new).await?;
    let path = format!("/api/v1/users/{}", user.id);
    write::created(work, path, user.version, &user).await
}

pub(crate) fn document() -> Document {
    Document::new("Adds a person who signs in with a password.")
        .body::<NewUser>(json!({ "name": "mary", "role": "clerk", "password": "correct horse battery staple" }))
        .versioned(201, "Created.", &examples::user())
        .problems(&[conflict_code(Conflict::AccountNameTaken)])
}
