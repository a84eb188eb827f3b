import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { Plugin, PreviewServer, ViteDevServer } from "vite";

/** Where the API listens. */
export const api = (process.env.TIDEGATE_URL ?? "http://127.0.0.1:3030").replace(/\/$/, "");
const secretKey = process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate";

/** Why a request is not answered, for the person at the page. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** The backend of an example, below `path`: the only place that knows the secret key. */
export function backendAt(path: string, answer: (path: string, body: string) => Promise<object>): Plugin {
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      if (request.method !== "POST") throw new Refusal(405, "This address takes POST only.");
      reply(response, 200, await answer(request.url ?? "/", await text(request)));
    } catch (error) {
      const { status, message } = error instanceof Refusal ? error : new Refusal(500, String(error));
      reply(response, status, { error: message });
    }
  };
  const mount = ({ middlewares }: ViteDevServer | PreviewServer) => {
    middlewares.use(path, handle);
  };
  return { name: "backend", configureServer: mount, configurePreviewServer: mount };
}

/** Starts a run, and gives its id with the token that comes with it. */
export async function trigger(task: string, payload: object, options: object = {}) {
  const response = await call(`/api/v1/tasks/${task}/trigger`, { payload, options });
  if (response.status === 404) throw new Refusal(502, `${api} has no task called “${task}”.`);
  const { id } = (await response.json()) as { id: string };
  return { runId: id, accessToken: response.headers.get("x-trigger-jwt"), baseURL: api };
}

/** A token with these scopes, for a quarter of an hour. */
export async function mint(scopes: string[]) {
  const response = await call("/api/v1/auth/public-tokens", { scopes, expirationTime: "15m" });
  const { token } = (await response.json()) as { token: string };
  return { accessToken: token, baseURL: api };
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
  if (response.ok || response.status === 404) return response;
  if (response.status === 401)
    throw new Refusal(502, `${api} refused the secret key. Set TIDEGATE_SECRET_KEY to the one it was started with.`);
  throw new Refusal(502, `${api} answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
}

function reply(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
