//! The configuration of the NGINX under test.

use super::{
    EXAMPLE, MODULES,
    hub::{Metered, UDP, UNIX},
};

/// How much the queue of the Lua module holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queue {
    /// What is asked for while a hub is gone.
    Ample,
    /// A few hundred events.
    Tight,
}

/// The format that is documented, and the one that names the source.
fn format(name: &str, source: &str) -> String {
    format!(
        r#"
    log_format {name} escape=json
        '{{"id":"$request_id","time":"$msec","key":"$remote_user","service":"$server_name",'
        '"method":"$request_method","status":"$status","bytes_in":"$request_length",'
        '"bytes_out":"$bytes_sent","body_bytes":"$body_bytes_sent",'
        '"duration_seconds":"$request_time","sequence":"$usage_sequence"{source}}}';"#
    )
}

/// An NGINX that says what it does in every way that the hub reads, and in a log of its own.
///
/// The blocks of the `http` block's Lua and of the location are those of a usage logging that was published long before
/// this one, with the name of the module changed.
pub(super) fn configuration(hub: &Metered, port: u16, service: u16, queue: Queue) -> String {
    let Metered { udp, repeated, .. } = hub;
    let (unix, trusted) = (hub.unix.display(), hub.trusted.display());
    let queue = match queue {
        Queue::Ample => "300m",
        Queue::Tight => "64k",
    };
    let formats = [
        format("metric_nexus", ""),
        format("by_udp", &format!(r#","source":"{UDP}""#)),
        format("by_unix", &format!(r#","source":"{UNIX}""#)),
    ]
    .concat();
    format!(
        r#"
load_module {MODULES}/ndk_http_module.so;
load_module {MODULES}/ngx_http_lua_module.so;
env METRIC_NEXUS_HUB;
env METRIC_NEXUS_SERVER_NAME;
env METRIC_NEXUS_KEY;
env METRIC_NEXUS_INTERVAL;
env METRIC_NEXUS_RETRY;
env METRIC_NEXUS_TIMEOUT;
env METRIC_NEXUS_EXIT;
worker_processes 2;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    lua_package_path "{EXAMPLE}/?.lua;;";
    lua_ssl_trusted_certificate {trusted};
    log_format own '$msec $bytes_sent';
    {formats}
    access_log own.log own;
    access_log usage.log metric_nexus;
    access_log syslog:server={repeated},tag=nginx metric_nexus;
    access_log syslog:server={udp},tag=nginx by_udp;
    access_log syslog:server=unix:{unix},tag=nginx,nohostname by_unix;
    upstream service {{ server 127.0.0.1:{service}; keepalive 16; }}

lua_shared_dict usage_logging {queue};
init_worker_by_lua_block {{
local Logging = require "metric_nexus"
l = Logging.new()
l:watch(ngx.shared.usage_logging)
}}
    server {{
        listen 127.0.0.1:{port};
        server_name tiles;
        keepalive_requests 1000000;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
location / {{
set_by_lua_block $usage_sequence {{ return require("metric_nexus").sequence(ngx.shared.usage_logging) }}
proxy_pass http://service;
log_by_lua_block {{
local payload = {{
bytes = tonumber(ngx.var.bytes_sent),
status = tonumber(ngx.var.status),
timestamp = ngx.now()
}}
local Logging = require "metric_nexus"
l = Logging.save(ngx.shared.usage_logging, payload)
}}
}}
        location = /odd {{
            return 204;
            log_by_lua_block {{
                require("metric_nexus").save(ngx.shared.usage_logging, {{ key = 'a"\\\n\xff', rate = 0.5, odd = true }})
            }}
        }}
        location = /refused {{
            return 204;
            log_by_lua_block {{ require("metric_nexus").save(ngx.shared.usage_logging, {{ status = "none" }}) }}
        }}
        location = /usage-logging {{
            access_log off;
            content_by_lua_block {{
                for name, value in pairs(require("metric_nexus").stats(ngx.shared.usage_logging)) do
                    ngx.say(name, " ", value)
                end
            }}
        }}
    }}
}}
"#
    )
}
