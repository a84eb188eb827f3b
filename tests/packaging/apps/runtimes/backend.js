// A backend and a page in one: `begin` triggers a run and says its id, `asleep` waits until that run sleeps, `end` wakes it and reads it to
// its end. `astray` sends where nobody is.
import { strict as assert } from "node:assert";
import { createClient } from "tidegate";
import { auth, createBackend, trigger } from "tidegate/server";

const [what, id] = process.argv.slice(2);
const at = new Date(0);
if (what === "begin") {
  const run = await trigger("order", { at });
  const page = createClient({ baseURL: process.env.TRIGGER_API_URL, accessToken: run.publicAccessToken });
  await page.send(run.id, "question", "first");
  await page.send(run.id, "question", "second");
  await page.send(run.id, "note", { from: "a page" });
  page.close();
  console.log(run.id);
} else if (what === "astray") {
  // Known to have reached nobody, in every runtime's own words for that.
  const nobody = createBackend({ baseURL: id, secretKey: "tr_dev_nobody" });
  await assert.rejects(nobody.streams.input("note").send("run_1", "hello"), { code: "blocked", outcome: "rejected" });
} else {
  const accessToken = await auth.createPublicToken({ scopes: { read: { runs: id }, write: { inputStreams: id } } });
  const page = createClient({ baseURL: process.env.TRIGGER_API_URL, accessToken });
  if (what === "asleep") {
    for await (const { status } of page.run(id)) if (status === "WAITING") break;
  } else {
    await page.send(id, "approval", { approved: true });
    const steps = [];
    for await (const { step } of page.stream(id, "steps")) steps.push(step);
    const { output, metadata } = await page.run(id).finished();
    const expected = { next: "second", noted: { from: "a page" }, approved: true, at, attempt: 1 };
    assert.deepEqual(output, expected);
    assert.deepEqual(metadata, { asked: "first", executions: 2 });
    assert.deepEqual(steps, ["began", "began", "shipped", "done"]);
    assert.equal(page.engine, "wasm");
    console.log("published");
  }
  page.close();
}
