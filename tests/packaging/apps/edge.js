import { createClient } from "tidegate";
import { auth, trigger } from "tidegate/server";

/** A request to a runtime at the edge: triggers a run, makes a token for it, and does what a page would do with that. */
export async function handle() {
  const { id } = await trigger("approval", { topic: "the edge" });
  const scopes = { read: { runs: id }, write: { inputStreams: id } };
  const accessToken = () => auth.createPublicToken({ scopes });
  const client = createClient({ baseURL: process.env.TRIGGER_API_URL, accessToken });
  await client.send(id, "approval", { approved: true });
  let text = "";
  for await (const part of client.stream(id, "draft")) text += part;
  const { status } = await client.run(id).finished();
  return Response.json({ status, written: text.length > 0, engine: client.engine });
}
