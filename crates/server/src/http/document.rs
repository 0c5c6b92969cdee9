//! What the description of the interface says beside the routes.

use utoipa::OpenApi;

use super::{ItemProblem, Problem};

#[derive(OpenApi)]
#[openapi(
    info(title = "Metric Nexus", description = "A durable hub of metrics for programs too short-lived to be scraped.", license(name = "MIT")),
    components(schemas(Problem, ItemProblem)),
    security(("bearer" = []), ("key" = [])),
    modifiers(&Security)
)]
pub(super) struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme(
            "key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
    }
}
