import { createRoot } from "react-dom/client";
import { TidegatePanel } from "tidegate/devtools";
import { useRealtimeStream } from "tidegate/react";

function Page() {
  const { parts } = useRealtimeStream<string>("run_1", "draft", {
    accessToken: "tr_pat_secret",
    baseURL: "https://api.test",
  });
  return <p>{parts.join("")}</p>;
}

createRoot(document.body.appendChild(document.createElement("main"))).render(
  <>
    <Page />
    <TidegatePanel />
  </>,
);
