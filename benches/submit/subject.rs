//! What is measured: a server in a process of its own.

use crate::echo::Echo;
use crate::fresh::Fresh;
use crate::redis::{RedisServer, cost};
use futures_util::TryStreamExt;
use hotline::api;
use hotline::catalogue::Catalogue;
use hotline::classify::Classifier;
use hotline::clock::SystemClock;
use hotline::dispatch::{Dispatch, Parts, Settings};
use hotline::domain::Cell;
use hotline::pb::{GetBoardRequest, command_service_client::CommandServiceClient};
use hotline::server::{gathering::Gathering, opening};
use hotline::store::embedded::Embedded;
use hotline::store::memory::Memory;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::{Store, seal::Sealer};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// A server and what it stands on; all of it ends with this.
pub struct Subject {
    pub port: u16,
    kind: String,
    child: Child,
    redis: Option<RedisServer>,
    _home: tempfile::TempDir,
}

impl Subject {
    pub fn start(kind: &str) -> Subject {
        let home = tempfile::tempdir().expect("a temporary folder");
        let redis = match kind {
            "redis" => Some(RedisServer::start("everysec")),
            "redis-always" => Some(RedisServer::start("always")),
            _ => None,
        };
        let url = match &redis {
            Some(redis) => redis.url(),
            None => kind.to_owned(),
        };
        let mut child = Command::new(std::env::current_exe().expect("our own name"))
            .args(["serve", &url])
            .arg(home.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let out = child.stdout.take().expect("its output");
        let line = BufReader::new(out).lines().next().expect("a line").expect("read");
        let port = line.parse().expect("its port");
        Subject { port, kind: kind.to_owned(), child, redis, _home: home }
    }

    pub fn path(&self) -> &'static str {
        match self.kind.as_str() {
            "echo" => "/hotline.bench.Echo/Echo",
            _ => "/hotline.v1.IntakeService/SubmitOrder",
        }
    }

    /// Whether it did the work: as many orders as answers, and what they cost.
    pub fn check(&self, answered: u64) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let received = runtime.block_on(self.received());
        assert!(received >= answered, "{answered} answers, {received} orders");
        if let Some(redis) = &self.redis {
            println!("         {}", cost(redis, received));
        }
    }

    async fn received(&self) -> u64 {
        let address = format!("http://127.0.0.1:{}", self.port);
        let mut client = CommandServiceClient::connect(address).await.expect("connects");
        let mut request = tonic::Request::new(GetBoardRequest {});
        for (key, value) in
            [("hotline-staff", "b001"), ("hotline-unit", "3304"), ("hotline-role", "dispatcher")]
        {
            request.metadata_mut().insert(key, value.parse().expect("ASCII"));
        }
        let board = client.get_board(request).await.expect("the board").into_inner();
        let received = board.tallies.iter().find(|tally| tally.name == "received");
        received.map_or(0, |tally| tally.value as u64)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's side: serves until it is killed. `serve URL HOME`, and behind that
/// `--model FILE` and `--replicas N`, which must have each order before it is answered.
pub fn serve(args: &[String]) {
    let [url, home, more @ ..] = args else { panic!("serve URL HOME") };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("its address").port());
        // As the service has it; small answers would wait 40 ms for each other without it.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        if url == "echo" {
            let server = Server::builder();
            let mut server = server.layer(tower_layer::layer_fn(Fresh::over));
            let served = server.add_service(Echo).serve_with_incoming(incoming);
            return served.await.expect("serves");
        }
        let dispatch = dispatch(url, Path::new(home), more).await;
        tokio::spawn(Arc::clone(&dispatch).run());
        let layer = tower_layer::layer_fn(move |others| {
            let limits = api::Limits::default();
            Fresh::over(api::Services::new(Arc::clone(&dispatch), limits, others))
        });
        let server = Server::builder().layer(layer).add_routes(Routes::default());
        let incoming = incoming.map_ok(Gathering::over);
        server.serve_with_incoming(incoming).await.expect("serves");
    });
}

async fn dispatch(url: &str, home: &Path, more: &[String]) -> Arc<Dispatch> {
    let (mut model, mut redis) = (None, RedisOptions::default());
    for pair in more.chunks(2) {
        match pair {
            [name, file] if name == "--model" => {
                model = Some(opening::model(Path::new(file)).expect(file))
            }
            [name, count] if name == "--replicas" => {
                redis.replicas_ack = Some(count.parse().expect("--replicas N"));
            }
            _ => panic!("{pair:?}: allowed are --model FILE, --replicas N"),
        }
    }
    let catalogue = Arc::new(Catalogue::builtin().expect("the catalogue"));
    let cell: Cell = catalogue.cell();
    let store: Arc<dyn Store> = match url {
        "redb" => Embedded::open(&home.join("orders.redb"), cell).expect("the store"),
        "memory" => Arc::new(Memory::new(cell)),
        _ => RedisStore::open(url, cell, redis).await.expect("the store"),
    };
    let key = home.join("contacts.key");
    let sealer = Sealer::create_key_file(&key).expect("the key");
    let clock = Arc::new(SystemClock::new());
    let classifier = match model {
        Some(model) => Classifier::with_model(&catalogue, model).expect("of this catalogue"),
        None => Classifier::new(&catalogue),
    };
    let parts = Parts { store, catalogue, clock, sealer, settings: Settings::default() };
    Dispatch::with_classifier(parts, classifier)
}
