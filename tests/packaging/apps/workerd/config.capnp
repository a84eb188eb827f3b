using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ( name = "main", worker = .main ),
    ( name = "internet", network = ( allow = ["private"] ) ),
  ],
  sockets = [ ( name = "http", address = "127.0.0.1:0", http = (), service = "main" ) ],
);

const main :Workerd.Worker = (
  modules = [
    ( name = "worker.js", esModule = embed "worker.bundle.js" ),
    ( name = "tidegate/core.wasm", wasm = embed "core.wasm" ),
  ],
  bindings = [
    ( name = "TRIGGER_SECRET_KEY", fromEnvironment = "TRIGGER_SECRET_KEY" ),
    ( name = "TRIGGER_API_URL", fromEnvironment = "TRIGGER_API_URL" ),
  ],
  compatibilityDate = "2026-11-01",
);
