// Executes conversations for the development server that TIDEGATE_URL names, until it is told to end.
import { serve } from "tidegate/task";
import { assistant } from "./assistant.ts";

const serving = await serve({
  tasks: [assistant],
  baseURL: process.env.TIDEGATE_URL ?? "http://127.0.0.1:3030",
  secretKey: process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate",
  // An answer that is being written goes on in the next worker.
  stopTimeoutMs: 1_000,
});
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => serving.stop().then(() => process.exit()));
