import { readFileSync } from "node:fs";
import { startServer } from "./tiny-server.js";
import { fakeJwt } from "./tokens.js";

interface Recorded {
  readonly request: { method: string; path: string; body?: string };
  readonly response: { status: number; headers: Record<string, string>; body?: string };
}

/** A recorded exchange of tests/fixtures/wire, about the run `run_1` of the environment `env_1`. */
export function recorded(name: string): Recorded {
  const text = readFileSync(new URL(`../../../tests/fixtures/wire/${name}.json`, import.meta.url), "utf8");
  return JSON.parse(text.replaceAll("{run}", "run_1").replaceAll("{env}", "env_1").replaceAll("{id}", "1"));
}

/** Tokens are described in fixtures, with the seconds they live as `exp`. */
const withTokens = (text: string) => text.replace(/^jwt (.*)$/, (_, claims) => fakeJwt(JSON.parse(claims)));

/** A server that answers with these recordings, by path; what was recorded for none is a failure. */
export function startRecorded(...names: string[]) {
  const exchanges = names.map(recorded);
  return startServer(({ method, path }, response) => {
    const found = exchanges.find(({ request }) => request.method === method && request.path === path);
    if (!found) return void response.writeHead(404).end(`Not recorded: ${method} ${path}`);
    const { status, headers, body = "" } = found.response;
    const sent = Object.entries(headers).map(([key, value]) => [key, withTokens(value)]);
    response
      .writeHead(status, Object.fromEntries(sent))
      .end(body.startsWith('{"token":"jwt') ? JSON.stringify({ token: withTokens(JSON.parse(body).token) }) : body);
  });
}
