// One run in components and one through a client, on a phone: the text arrives, an answer approves it, the run ends.
import "react-native/Libraries/Core/setUpGlobals";
import "react-native/Libraries/Core/setUpXHR";
import { createElement, useEffect } from "react";
import RCTDeviceEventEmitter from "react-native/Libraries/EventEmitter/RCTDeviceEventEmitter";
import { create } from "react-test-renderer";
import { createClient } from "tidegate";
import { TidegateProvider, useInputStreamSend, useRealtimeRun, useRealtimeStream, useRun } from "tidegate/react";

device.emit = (event, id, ...told) => {
  const listener = device.requests.get(id);
  if (listener) listener(event, ...told);
  else RCTDeviceEventEmitter.emit(event, [id, ...told]);
};

const join = { reduce: (text, part) => text + part, initial: "" };

function Screen({ runId, tell }) {
  const { run, error } = useRealtimeRun(runId);
  const asked = useRun(runId, { refreshInterval: 200 });
  const draft = useRealtimeStream(runId, "draft", join);
  const approval = useInputStreamSend("approval", runId);
  const trouble = error ?? asked.error ?? draft.error ?? approval.error;
  useEffect(() => {
    // The stream stays open until the answer: what has been read of it came in pieces.
    const isWritten = draft.value?.includes("Thank you for your patience");
    if (isWritten && approval.status === "idle") approval.send({ approved: true });
    if (trouble) tell({ trouble });
    if (approval.status === "accepted" && run?.status === "COMPLETED" && asked.run?.status === "COMPLETED") tell({});
  });
  return null;
}

async function tryScreen({ api, run, token }) {
  let screen;
  const { trouble } = await new Promise((tell) => {
    const page = createElement(Screen, { runId: run, tell });
    screen = create(createElement(TidegateProvider, { baseURL: api, accessToken: token }, page));
  });
  screen.unmount();
  if (trouble) throw trouble.cause ?? trouble;
}

async function tryClient({ api, run, token }) {
  const client = createClient({ baseURL: api, accessToken: token });
  await client.send(run, "approval", { approved: true });
  let text = "";
  for await (const part of client.stream(run, "draft")) text += part;
  const { status } = await client.run(run).finished();
  return { status, written: text.length > 0, engine: client.engine };
}

device.begin = async (screen, page, likeExpo) => {
  if (likeExpo) globalThis.fetch = device.streamingFetch;
  try {
    await tryScreen(screen);
    device.say("done", await tryClient(page));
  } catch (error) {
    device.say("done", { error: `${error.stack ?? error}` });
  }
};
