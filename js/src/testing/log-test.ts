import { afterEach, beforeEach } from "vitest";
import { inRun } from "../task/run-context.js";
import { FakeRun } from "./fake-run.js";
import { startLogServer } from "./log-server.js";

type Given = Parameters<typeof startLogServer>[0];
type Family = ConstructorParameters<typeof FakeRun>[2];

type LogServer = Awaited<ReturnType<typeof startLogServer>>;

/** A server that keeps output streams and a run that writes there, for each test anew. */
export function logForEach(given?: Given, family?: Family) {
  let server: LogServer;
  let run: FakeRun;
  beforeEach(async () => {
    server = await startLogServer(given);
    run = runAt(server, "run_1", family);
  });
  afterEach(() => server.stop());
  return {
    get server() {
      return server;
    },
    get run() {
      return run;
    },
    /** Calls something inside the run. */
    inside: <Result>(call: () => Result) => inRun(run, call),
  };
}

/** A run of that server. */
export function runAt({ baseURL }: { readonly baseURL: string }, id?: string, given?: Family): FakeRun {
  return new FakeRun({ baseURL, secretKey: "tr_dev_test" }, id, given);
}

/** So many numbers, from 0 on. */
export const upTo = (to: number) => Array.from({ length: to }, (_, n) => n);

/** The same one by one, or what is made of them. */
export async function* count(to: number, of: (n: number) => unknown = (n) => n) {
  for (let n = 0; n < to; n += 1) yield of(n);
}
