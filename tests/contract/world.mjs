// The server under test, and the runs, streams and tokens that a fixture presupposes.
import { createHmac, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ask } from "./http.mjs";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function sign(claims, key) {
  const signed = `${encode({ alg: "HS256" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The claims of a token that this key signed; throws for any other text. */
export function verify(token, key) {
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  const signed = token.slice(0, token.lastIndexOf("."));
  const signature = createHmac("sha256", key).update(signed).digest("base64url");
  if (token !== `${signed}.${signature}`) throw new Error("the token is not signed with the secret key");
  return claims;
}

export async function connect(base, key) {
  const world = new World(base, key);
  const { status, body } = await world.backend("POST", "/api/v1/auth/jwt/claims", "{}");
  if (status !== 200) throw new Error(`${base} answers ${status} to the secret key: ${body}`);
  world.environment = JSON.parse(body).sub;
  const unknown = await world.backend("PUT", "/dev/runs/unknown", "{}");
  world.hasWorker = unknown.headers["content-type"]?.includes("json");
  world.hasLogService = Boolean(await world.logService(await world.trigger("contract-suite"), "probe"));
  return world;
}

class World {
  constructor(base, key) {
    this.base = base;
    this.key = key;
  }

  ask(request, onText) {
    return ask(this.base, request, onText);
  }

  /** A request with the secret key, made again when the key's budget is spent and has been refilled. */
  async backend(method, path, body, headers = {}) {
    const own = { authorization: `Bearer ${this.key}`, "content-type": "application/json", ...headers };
    const answer = await this.ask({ method, path, body, headers: own });
    if (answer.status !== 429) return answer;
    await delay(JSON.parse(answer.body).secondsUntilReset * 1000);
    return this.backend(method, path, body, headers);
  }

  async must(method, path, body, headers) {
    const answer = await this.backend(method, path, body, headers);
    if (answer.status >= 300) throw new Error(`${method} ${path} answers ${answer.status}: ${answer.body}`);
    return answer;
  }

  async trigger(task, options = {}, payload = {}) {
    const { body } = await this.must("POST", `/api/v1/tasks/${task}/trigger`, JSON.stringify({ payload, options }));
    return JSON.parse(body).id;
  }

  /** Says of a run what its worker would. */
  report(run, said) {
    return this.must("PUT", `/dev/runs/${run}`, JSON.stringify(said));
  }

  /** A run in the state that a fixture is `given`, except that it is still under way: `end` comes last. */
  start({ run, task, tags }) {
    // No worker has this task, so nothing but the fixture touches the run.
    return this.trigger(task ?? (run === "completed" ? "story" : "contract-suite"), tags ? { tags } : {});
  }

  async end(run, state) {
    if (state === "completed") {
      await this.must("POST", `/realtime/v1/streams/${run}/input/cancel`, '{"data":null}');
      for (let tries = 0; tries < 40; tries++) {
        const { body } = await this.must("GET", `/api/v3/runs/${run}`);
        if (JSON.parse(body).finishedAt) return;
        await delay(50);
      }
    }
    // Another server has no task `story`: there the run ends this way.
    if (state === "completed" || state === "canceled") await this.must("POST", `/api/v2/runs/${run}/cancel`, "{}");
  }

  /** Appends one record of a recorded stream the way it came about. */
  write(run, key, { data, id }) {
    const path = `/realtime/v1/streams/${run}`;
    if (key.startsWith("input/"))
      return this.must("POST", `${path}/${key}`, data === undefined ? "{}" : `{"data":${data}}`);
    // A part id of the writer's own choosing: it was appended through the server.
    if (id.length !== 7) return this.must("POST", `${path}/self/${key}/append`, data, { "x-part-id": id });
    if (this.hasLogService) return this.writeDirectly(run, key, JSON.stringify({ data, id }));
    const headers = { "x-client-id": randomBytes(4).toString("hex"), "transfer-encoding": "chunked" };
    return this.must("POST", `${path}/self/${key}`, `${JSON.stringify(data)}\n`, headers);
  }

  /** What a writer is handed: `{ name, basin, endpoint, token }`; undefined where it is to write through the server. */
  async logService(run, key) {
    const { headers } = await this.must("PUT", `/realtime/v1/streams/${run}/self/${key}`, "{}");
    const [name, basin, endpoint, token] = ["stream-name", "basin", "endpoint", "access-token"].map(
      (what) => headers[`x-s2-${what}`],
    );
    return endpoint && { name, basin, endpoint, token };
  }

  /** Appends a record to the log service, as the official writer does. */
  async writeDirectly(run, key, body) {
    const { name, basin, endpoint, token } = await this.logService(run, key);
    const response = await fetch(`${endpoint}/streams/${encodeURIComponent(name)}/records`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "s2-basin": basin, "content-type": "application/json" },
      body: JSON.stringify({ records: [{ body }] }),
    });
    if (!response.ok) throw new Error(`The log service answers ${response.status}: ${await response.text()}`);
  }

  /** The Authorization header that a fixture describes. */
  authorization(described) {
    if (described === "none") return undefined;
    if (described === "secret") return `Bearer ${this.key}`;
    if (described === "secret-unknown") return `Bearer tr_dev_${randomBytes(12).toString("hex")}`;
    const [, forged, patch] = /^jwt(-forged)? (.*)$/.exec(described) ?? [];
    if (patch === undefined) return described;
    const now = Math.floor(Date.now() / 1000);
    const { exp = 3600, ...rest } = JSON.parse(patch);
    // Told apart by `jti`, so that no two fixtures share a one-time token.
    const standard = {
      sub: this.environment,
      pub: true,
      iss: "https://id.trigger.dev",
      aud: "https://api.trigger.dev",
      iat: now,
      jti: randomBytes(8).toString("hex"),
    };
    const claims = { ...standard, ...rest, exp: now + exp };
    for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
    return `Bearer ${sign(claims, forged ? "tr_dev_another" : this.key)}`;
  }
}
