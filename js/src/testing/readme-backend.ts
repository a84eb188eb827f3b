// The backend of README.md, word for word: server/readme.test.ts holds them together.
import { tokenHandler, trigger } from "../server.js";

const runOfUser = async (cookie: string | null) => (cookie === "user=ana" ? "run_1" : undefined);

export const start = async (topic: string) => (await trigger("approval", { topic })).id;

export const token = tokenHandler({
  async authorize(request) {
    const run = await runOfUser(request.headers.get("cookie")); // yours: which run may they see and answer?
    return run ? { read: { runs: run }, write: { inputStreams: run } } : null;
  },
});
