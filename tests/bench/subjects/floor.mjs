// The least that JavaScript can do for these formats, as a yardstick. Not a client: it does not reconnect, resume, drop repeats,
// check anything, or know any line ending but a line feed.

export async function subscribe(baseURL, runId, token, onPart) {
  const response = await fetch(`${baseURL}/realtime/v1/streams/${runId}/default`, {
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
  });
  const read = response.headers.get("x-stream-version") === "v2" ? readBatch : readPart;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let held = [];
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    let text = decoder.decode(chunk.value, { stream: true });
    // An event longer than a chunk is joined once, when it is whole.
    const isWhole = text.includes("\n\n") || (text[0] === "\n" && held.at(-1)?.endsWith("\n"));
    held.push(text);
    if (!isWhole) continue;
    text = held.length === 1 ? text : held.join("");
    let start = 0;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n", start)) {
      const data = text.indexOf("data: ", start);
      if (data !== -1 && data < end) read(text.slice(data + 6, end), onPart);
      start = end + 2;
    }
    held = start < text.length ? [text.slice(start)] : [];
  }
}

const readPart = (data, onPart) => onPart(JSON.parse(data));

function readBatch(data, onPart) {
  if (data === "[DONE]") return;
  for (const { body } of JSON.parse(data).records) onPart(JSON.parse(body).data);
}

export async function send(baseURL, runId, streamId, token, data) {
  const response = await fetch(`${baseURL}/realtime/v1/streams/${runId}/input/${streamId}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ data }),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}
