import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { Plugin, PreviewServer, ViteDevServer } from "vite";

const api = (process.env.TIDEGATE_URL ?? "http://127.0.0.1:3030").replace(/\/$/, "");
const secretKey = process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate";

/** The backend of this example, and the only place that knows the secret key. */
export function backend(): Plugin {
  const mount = ({ middlewares }: ViteDevServer | PreviewServer) => {
    middlewares.use("/api/runs", handle);
  };
  return { name: "approval-backend", configureServer: mount, configurePreviewServer: mount };
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

async function handle(request: IncomingMessage, response: ServerResponse) {
  try {
    reply(response, 200, await answer(request));
  } catch (error) {
    const { status, message } = error instanceof Refusal ? error : new Refusal(500, String(error));
    reply(response, status, { error: message });
  }
}

async function answer(request: IncomingMessage) {
  if (request.method !== "POST") throw new Refusal(405, "This address takes POST only.");
  const path = request.url ?? "/";
  if (path === "/") return startRun(await readTopic(request));
  const runId = path.match(/^\/(run_\w+)\/token$/)?.[1];
  if (runId) return mintToken(runId);
  throw new Refusal(404, "That is not the id of a run: one starts with run_.");
}

async function startRun(topic: string) {
  const response = await call("/api/v1/tasks/approval/trigger", { payload: { topic } });
  const { id } = (await response.json()) as { id: string };
  return { runId: id, accessToken: response.headers.get("x-trigger-jwt"), baseURL: api };
}

/** A real app checks here that this person may see and answer this run. */
async function mintToken(runId: string) {
  const scopes = [`read:runs:${runId}`, `write:inputStreams:${runId}`];
  const response = await call("/api/v1/auth/public-tokens", { scopes, expirationTime: "15m" });
  const { token } = (await response.json()) as { token: string };
  return { runId, accessToken: token, baseURL: api };
}

async function call(path: string, body: object): Promise<Response> {
  const headers = {
    authorization: `Bearer ${secretKey}`,
    "content-type": "application/json",
    "x-trigger-realtime-streams-version": "v2",
  };
  const response = await fetch(api + path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new Refusal(502, `No server answers at ${api}. Start tidegate-dev, or set TIDEGATE_URL to where it listens.`);
  });
  if (response.ok) return response;
  if (response.status === 401)
    throw new Refusal(502, `${api} refused the secret key. Set TIDEGATE_SECRET_KEY to the one it was started with.`);
  if (response.status === 404) throw new Refusal(502, `${api} has no task called “approval”.`);
  throw new Refusal(502, `${api} answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
}

async function readTopic(request: IncomingMessage): Promise<string> {
  let topic: unknown;
  try {
    topic = JSON.parse(await text(request)).topic;
  } catch {
    throw new Refusal(400, 'Send the topic as JSON: {"topic": "…"}.');
  }
  if (typeof topic !== "string" || topic.trim() === "") throw new Refusal(400, "A run needs a topic: write one first.");
  if (topic.length > 120) throw new Refusal(400, "That topic is too long: keep it under 120 characters.");
  return topic.trim();
}

function reply(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
