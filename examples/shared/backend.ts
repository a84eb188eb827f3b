import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { createBackend, type PublicTokenScopes, TidegateError, type TriggerOptions } from "tidegate/server";
import type { Plugin, PreviewServer, ViteDevServer } from "vite";

/** Where the API listens. */
const baseURL = (process.env.TIDEGATE_URL ?? "http://127.0.0.1:3030").replace(/\/$/, "");
const secretKey = process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate";

/** The only place that knows the secret key. */
const server = createBackend({ secretKey, baseURL });

/** Why a request is not answered, for the person at the page. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** The backend of an example, below `path`. */
export function backendAt(path: string, answer: (path: string, body: string) => Promise<object>): Plugin {
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      if (request.method !== "POST") throw new Refusal(405, "This address takes POST only.");
      reply(response, 200, await answer(request.url ?? "/", await text(request)));
    } catch (error) {
      reply(response, statusOf(error), { error: error instanceof Error ? error.message : String(error) });
    }
  };
  const mount = ({ middlewares }: ViteDevServer | PreviewServer) => {
    middlewares.use(path, handle);
  };
  return { name: "backend", configureServer: mount, configurePreviewServer: mount };
}

/** Starts a run, and gives its id with the token that comes with it. */
export async function trigger(task: string, payload: object, options?: TriggerOptions) {
  const { id, publicAccessToken } = await server.trigger(task, payload, options);
  return { runId: id, accessToken: publicAccessToken, baseURL };
}

/** A token with these scopes, for a quarter of an hour. */
export async function mint(scopes: PublicTokenScopes) {
  return { accessToken: await server.auth.createPublicToken({ scopes, expirationTime: "15m" }), baseURL };
}

/** Whose fault it is: the page's, the server's behind this one, or this one's. */
function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  return error instanceof TidegateError ? 502 : 500;
}

function reply(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
