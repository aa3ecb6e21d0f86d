//! The warp filter, one for all endpoints. The only file that uses warp.
//!
//! The table of endpoints is data, so 404, 403 and 405 are decided in one place, and a change of
//! the table needs no new filter.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Buf;
use futures_util::{Stream, TryStreamExt};
use http::{HeaderMap, Method, Request, Uri, Version};
use hyper::body::Incoming;
use tower_service::Service as _;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::body::InFlightBody;
use super::rejected::body_fault;
use crate::receive::authorization::Connection;
use crate::receive::head::discard_excessive;
use crate::receive::intake::{Intake, RequestHead};

/// The connection, and the parts of the request that warp has no filter for. Warp rejects a request that does not carry them.
#[derive(Clone, Debug)]
struct RequestContext {
    connection: Arc<Connection>,
    uri: Uri,
    has_fragment: bool,
    version: Version,
    has_too_many_fields: bool,
}

/// The filter that answers every request. It does not match paths: `Policy::route` does.
pub(super) type DeliveryFilter = BoxedFilter<(Response,)>;
/// The response that hyper sends.
pub(super) type Response = warp::reply::Response;

/// The filter that receives deliveries.
pub(super) fn delivery_filter(intake: Arc<Intake>) -> DeliveryFilter {
    warp::ext::get::<RequestContext>()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |context, method, headers, body| {
            deliver(Arc::clone(&intake), context, method, headers, body)
        })
        .boxed()
}

/// Answers one request of an authenticated connection.
pub(super) fn answer(
    filter: DeliveryFilter,
    connection: Arc<Connection>,
    mut request: Request<InFlightBody<Incoming>>,
    has_fragment: bool,
) -> impl Future<Output = Result<Response, Infallible>> {
    let has_too_many_fields = discard_excessive(request.headers_mut());
    let (uri, version) = (request.uri().clone(), request.version());
    let context = RequestContext { connection, uri, has_fragment, version, has_too_many_fields };
    request.extensions_mut().insert(context);
    warp::service(filter).call(request)
}

async fn deliver<S, B, E>(
    intake: Arc<Intake>,
    context: RequestContext,
    method: Method,
    headers: HeaderMap,
    body: S,
) -> Response
where
    S: Stream<Item = Result<B, E>> + Send + Unpin + 'static,
    B: Buf + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let RequestContext { connection, uri, has_fragment, version, has_too_many_fields } = context;
    let authorization = connection.reevaluate(&intake.shared);
    let request = RequestHead {
        connection,
        authorization,
        method,
        uri,
        has_fragment,
        version,
        headers,
        has_too_many_fields,
    };
    let answer = intake.deliver(request, body.map_err(|error| body_fault(&error))).await;
    let (status, headers, body) = answer.into_parts();
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
