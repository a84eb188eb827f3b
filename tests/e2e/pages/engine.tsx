import { avoidWebAssembly, createClient } from "tidegate";

/** Where the page is, and whom it sends to. */
export interface Desk {
  baseURL: string;
  accessToken: string;
  runId: string;
}

declare global {
  interface Window {
    avoidWebAssembly(): void;
    /** Sends a word and reads it back from the input stream; resolves to what the core runs as. */
    sendAndRead(desk: Desk): Promise<string>;
    /** Follows the run; resolves to its status, and what the core runs as. */
    follow(desk: Desk): Promise<string>;
  }
}

window.avoidWebAssembly = avoidWebAssembly;
window.sendAndRead = async ({ runId, ...connection }) => {
  const client = createClient(connection);
  await client.send(runId, "words", "hello");
  for await (const part of client.stream(runId, "input/words")) {
    client.close();
    return `${part} as ${client.engine}`;
  }
  return "nothing";
};
window.follow = async ({ runId, ...connection }) => {
  const client = createClient(connection);
  for await (const run of client.run(runId)) {
    client.close();
    return `${run.status} as ${client.engine}`;
  }
  return "nothing";
};
