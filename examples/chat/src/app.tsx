import { TidegateProvider } from "tidegate/react";
import { Room } from "./room";
import { Start } from "./start";
import { useConversation } from "./use-conversation";

export function App() {
  const { conversation, first, forgetFirst, isOpening, isStarting, problem, start, leave } = useConversation();
  if (!conversation) {
    const busy = isOpening ? "Opening the conversation…" : isStarting ? "Beginning…" : undefined;
    return <Start busy={busy} problem={problem} onStart={start} />;
  }
  const { runId, accessToken, baseURL } = conversation;
  return (
    <TidegateProvider baseURL={baseURL} accessToken={accessToken} outbox="indexeddb" shareTabs>
      <Room key={runId} runId={runId} first={first} onFirstSent={forgetFirst} onLeave={leave} />
    </TidegateProvider>
  );
}
