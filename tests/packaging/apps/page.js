"use client";
import { createElement as h, StrictMode } from "react";
import { TidegateProvider, useInputStreamSend, useRealtimeRun, useRealtimeStream } from "tidegate/react";

/** What every application shows: a run, the text it writes, and a button to approve it. */
export function Page({ api, run, token }) {
  return h(StrictMode, null, h(TidegateProvider, { baseURL: api, accessToken: token }, h(Desk, { runId: run })));
}

const join = { reduce: (text, part) => text + part, initial: "" };

function Desk({ runId }) {
  const { run, error } = useRealtimeRun(runId);
  const draft = useRealtimeStream(runId, "draft", join);
  const approval = useInputStreamSend("approval", runId);
  const trouble = error ?? draft.error ?? approval.error;
  return h(
    "main",
    null,
    h("p", { id: "status" }, run?.status ?? "unknown"),
    h("p", { id: "draft" }, draft.value),
    h("button", { type: "button", onClick: () => approval.send({ approved: true }) }, "Approve"),
    h("p", { id: "sent" }, approval.status),
    trouble && h("p", { role: "alert" }, trouble.message),
  );
}
