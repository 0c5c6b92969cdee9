//! From a request to its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Request, Response, StatusCode, Uri, Version,
    header::EXPECT,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body::Body as _;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use nexus_usage_log::layer::{MeteredRequest, Note};

use crate::{
    account::Account,
    activity::{Activity, UnderWay},
    args::Serve,
    connection::Connection,
    headers,
    keys::Keyring,
    paid::Paid,
    problem::Problem,
    serve::BUFFER_BYTES_MAX,
};

pub(crate) type Answer = Response<Either<Paid<Incoming>, Full<Bytes>>>;
type Asked = MeteredRequest<Incoming>;

/// What all requests share.
pub(crate) struct Proxy {
    keyring: Keyring<Account>,
    client: Client<HttpConnector, Paid<Asked>>,
    upstream: Authority,
    idle_timeout: Duration,
    under_way: UnderWay,
}

impl Proxy {
    pub(crate) fn new(settings: &Serve, keyring: Keyring<Account>, under_way: UnderWay) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(settings.connect_timeout_seconds));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .pool_idle_timeout(settings.idle_timeout_seconds)
            .build(connector);
        Proxy {
            keyring,
            client,
            upstream: settings.upstream.clone(),
            idle_timeout: settings.idle_timeout_seconds,
            under_way,
        }
    }

    pub(crate) async fn answer(&self, connection: &Connection, request: Request<Asked>) -> Answer {
        match self.forward(connection, request).await {
            Ok(response) => response.map(Either::Left),
            Err(problem) => problem.into_response().map(Either::Right),
        }
    }

    async fn forward(
        &self,
        connection: &Connection,
        mut request: Request<Asked>,
    ) -> Result<Response<Paid<Incoming>>, Problem> {
        let account = self.keyring.find(request.headers()).ok_or_else(Problem::no_key)?;
        if let Some(note) = request.extensions().get::<Note>() {
            note.change(|details| {
                details.key = account.name.clone();
                details.tenant = account.tenant.clone();
            });
        }
        self.readdress(&mut request, connection)?;
        let admitted = account.admit(request.body().size_hint().exact()).await?;

        let node = connection.node_below(&account.node);
        let activity = Activity::new(self.idle_timeout, self.under_way.clone());
        let request = request.map(|body| Paid::request(body, admitted.received, node.clone(), activity.clone()));
        let response = tokio::select! {
            response = self.client.request(request) => response.map_err(|error| Problem::of_upstream(&error))?,
            stalled = activity.clone().stalled() => {
                return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, stalled.to_string()));
            }
        };
        activity.note();

        let (mut head, body) = response.into_parts();
        headers::remove_hop_by_hop(&mut head.headers);
        let announced = body.size_hint().exact();
        let mut body = Paid::answer(body, admitted.sent, node, activity);
        if let Some(bytes) = announced {
            // Refused here, it is an answer that makes sense; later, a body that is cut.
            body.reserve(bytes).map_err(|refusal| Problem::used_up(&refusal))?;
        }
        Ok(Response::from_parts(head, body))
    }

    /// Makes a request to the gateway one to the upstream. The host stays what the client asked for.
    fn readdress(&self, request: &mut Request<Asked>, connection: &Connection) -> Result<(), Problem> {
        let headers = request.headers_mut();
        headers::remove_key(headers);
        headers::remove_hop_by_hop(headers);
        headers::add_forwarded_for(headers, connection.peer.ip());
        // The gateway itself says that it wants the body, when it does.
        headers.remove(EXPECT);

        let path = request
            .uri()
            .path_and_query()
            .filter(|path| path.as_str().starts_with('/'));
        let uri = path.and_then(|path| uri(&self.upstream, path));
        *request.uri_mut() = uri.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "a path is expected"))?;
        *request.version_mut() = Version::HTTP_11;
        Ok(())
    }
}

fn uri(authority: &Authority, path: &PathAndQuery) -> Option<Uri> {
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority.clone());
    uri.path_and_query(path.clone()).build().ok()
}
