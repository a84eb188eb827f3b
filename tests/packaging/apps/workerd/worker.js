import { createClient } from "tidegate";

/** Approves a run from where no module may be compiled, unless one comes compiled already. */
export const worker = {
  async fetch(request) {
    const { baseURL, run, accessToken } = await request.json();
    const client = createClient({ baseURL, accessToken });
    await client.send(run, "approval", { approved: true });
    let text = "";
    for await (const part of client.stream(run, "draft")) text += part;
    const { status } = await client.run(run).finished();
    return Response.json({ status, written: text.length > 0, engine: client.engine });
  },
};
