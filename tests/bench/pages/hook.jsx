import { useStream } from "bench-hook";
import { useEffect } from "react";
import { createRoot } from "react-dom/client";

/** Shows how many parts there are and the last one, as the parts arrive; `onCommit` hears of each. */
function Page({ baseURL, runId, throttleInMs, onCommit }) {
  const parts = useStream(baseURL, runId, "bench-token", throttleInMs);
  useEffect(() => onCommit(parts));
  return (
    <pre>
      {parts.length} {parts[parts.length - 1]}
    </pre>
  );
}

window.bench = async ({ count, patienceMs, ...job }, sample) => {
  const sampling = setInterval(sample, 50);
  const started = performance.now();
  let commits = 0;
  let parts = 0;
  const shown = new Promise((resolve) => {
    const onCommit = ({ length }) => {
      commits += 1;
      parts = length;
      if (length >= count) resolve(performance.now() - started);
    };
    createRoot(document.getElementById("root")).render(<Page {...job} onCommit={onCommit} />);
    setTimeout(resolve, patienceMs, patienceMs);
  });
  const ms = await shown;
  clearInterval(sampling);
  return { ms, parts, commits };
};
