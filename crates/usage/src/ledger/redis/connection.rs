//! The connection to Redis.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisResult, ServerErrorKind, TlsCertificates, Value,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
};

use super::{
    scripts,
    settings::{RedisAddress, RedisSettings, RedisTls, RedisTopology},
};

/// Whom to connect to, and how.
#[derive(Debug)]
pub(super) enum Client {
    One {
        client: Box<redis::Client>,
        connect_timeout: Duration,
    },
    Cluster(Box<ClusterClient>),
}

/// A connection, to be used by many at once.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// How many commands are under way in a Cluster at once; its nodes' connections gather them.
const CLUSTER_COMMANDS_MAX: usize = 256;

impl Client {
    pub(super) fn new(settings: &RedisSettings) -> RedisResult<Self> {
        let certificates = match &settings.tls {
            RedisTls::Off | RedisTls::SystemAuthorities => None,
            RedisTls::Authorities(pem) => Some(TlsCertificates {
                client_tls: None,
                root_cert: Some(pem.clone()),
            }),
        };
        let infos = settings.addresses.iter().map(|address| info(settings, address));
        let mut infos = infos.collect::<RedisResult<Vec<_>>>()?;
        match settings.topology {
            RedisTopology::One if infos.len() == 1 => {
                let info = infos.remove(0);
                let client = match certificates {
                    Some(certificates) => redis::Client::build_with_tls(info, certificates)?,
                    None => redis::Client::open(info)?,
                };
                Ok(Client::One {
                    client: Box::new(client),
                    connect_timeout: settings.connect_timeout,
                })
            }
            RedisTopology::One => Err((ErrorKind::InvalidClientConfig, "one server has one address").into()),
            RedisTopology::Cluster => {
                let builder = ClusterClientBuilder::new(infos)
                    .connection_timeout(settings.connect_timeout)
                    .response_timeout(settings.operation_timeout);
                let builder = match certificates {
                    Some(certificates) => builder.certs(certificates),
                    None => builder,
                };
                Ok(Client::Cluster(Box::new(builder.build()?)))
            }
        }
    }

    /// Connects, and has the server know the scripts.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        let connection = match self {
            Client::One {
                client,
                connect_timeout,
            } => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(*connect_timeout))
                    // Who asks waits no longer than the operation may take.
                    .set_response_timeout(None);
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Client::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        };
        connection.load_scripts().await?;
        Ok(connection)
    }
}

fn info(settings: &RedisSettings, address: &RedisAddress) -> RedisResult<ConnectionInfo> {
    let (host, port) = (address.host.clone(), address.port);
    let address = match settings.tls {
        RedisTls::Off => ConnectionAddr::Tcp(host, port),
        RedisTls::SystemAuthorities | RedisTls::Authorities(_) => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
    };
    let mut redis = RedisConnectionInfo::default().set_db(settings.database.into());
    if let Some(username) = &settings.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &settings.password {
        redis = redis.set_password(password.expose());
    }
    Ok(address.into_connection_info()?.set_redis_settings(redis))
}

impl Connection {
    /// Sends all commands, then waits for all answers, in their order. If one command fails others may have been done.
    pub(super) async fn ask(&self, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
        let answers = self.send(commands).await;
        match answers {
            // The server forgot its scripts, or another one has taken over. What was done may be done again.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.load_scripts().await?;
                self.send(commands).await
            }
            answers => answers,
        }
    }

    async fn send(&self, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
        match self {
            Connection::One(connection) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipeline.add_command(command.clone());
                }
                pipeline.query_async(&mut connection.clone()).await
            }
            Connection::Cluster(connection) => {
                let asked: Vec<_> = commands
                    .iter()
                    .map(|command| one(connection.clone(), command.clone()))
                    .collect();
                stream::iter(asked).buffered(CLUSTER_COMMANDS_MAX).try_collect().await
            }
        }
    }

    /// In a Cluster every master gets them.
    async fn load_scripts(&self) -> RedisResult<()> {
        self.send(&scripts::load()).await.map(drop)
    }
}

async fn one(mut connection: ClusterConnection, command: Cmd) -> RedisResult<Value> {
    command.query_async(&mut connection).await
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Connection::One(_) => "Connection::One",
            Connection::Cluster(_) => "Connection::Cluster",
        })
    }
}
