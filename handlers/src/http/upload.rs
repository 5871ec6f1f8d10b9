//! The request of a write whose body is a file: it goes to disk as it comes.

use super::{
    Context, Problem, Write,
    body::{check_length, not_received},
    idempotency, preconditions, problem, query,
};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Limited};
use inventory_app::{files::Spool, imports};
use inventory_domain::limits;
use sha2::{Digest as _, Sha256};

/// A CSV file that has come.
pub(crate) struct Upload {
    pub(crate) spool: Spool,
    /// Its first bytes, up to the length of a header.
    pub(crate) head: Vec<u8>,
}

impl FromRequest<Context> for Write<Upload> {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        query::refuse_all(&parts.uri)?;
        let version = preconditions::if_match(&parts.headers)?;
        check_content_type(&parts.headers)?;
        let bytes_max = imports::bytes_max(context.app())?;
        check_length(&parts.headers, bytes_max)?;
        let (upload, digest) = receive(body, bytes_max).await?;
        let idempotency = idempotency::read(&parts.method, parts.uri.path(), &parts.headers, &digest)?;
        Ok(Self::new(&mut parts, context, version, idempotency, upload))
    }
}

/// Writes the body to disk; gives its hash, too.
async fn receive(body: Body, bytes_max: usize) -> Result<(Upload, Vec<u8>), Problem> {
    let mut spool = Spool::new().await.map_err(inventory_app::Error::from)?;
    let mut head = Vec::new();
    let mut hash = Sha256::new();
    let mut body = std::pin::pin!(Limited::new(body, bytes_max));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| not_received(&*error, bytes_max))?;
        let Ok(bytes) = frame.into_data() else { continue };
        let room = limits::IMPORT_HEADER_BYTES_MAX - head.len();
        head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        hash.update(&bytes);
        spool.write(&bytes).await.map_err(inventory_app::Error::from)?;
    }
    Ok((Upload { spool, head }, hash.finalize().to_vec()))
}

/// Absent counts as CSV: the header line says so soon enough.
fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let is_csv = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("text/csv"));
    let is_utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| {
            let charset = charset.trim().trim_matches('"');
            ["utf-8", "us-ascii"]
                .iter()
                .any(|known| charset.eq_ignore_ascii_case(known))
        });
    if is_csv && is_utf8 {
        Ok(())
    } else {
        Err(Problem::new(problem::UNSUPPORTED_MEDIA_TYPE, "send text/csv in UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_csv_in_utf8() {
        for (value, is_good) in [
            ("text/csv", true),
            ("Text/CSV; charset=UTF-8; header=present", true),
            ("text/csv;charset=\"utf-8\"", true),
            ("text/csv; charset=iso-8859-1", false),
            ("text/plain", false),
            ("application/json", false),
            ("multipart/form-data; boundary=x", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, http::HeaderValue::from_static(value))]);
            assert_eq!(check_content_type(&headers).is_ok(), is_good, "{value}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_ok());
    }
}
