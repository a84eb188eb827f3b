// One request, byte for byte as asked: no header is added but Host and Connection.
import { request } from "node:http";

/**
 * Sends `{ method, path, headers, body? }` and resolves to `{ status, headers, body, ended }` when the answer is over; `ended` is
 * `complete` or `cut`. `onText` gets the text so far whenever some has come.
 */
export function ask(base, { method, path, headers = {}, body }, onText = () => {}) {
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const chunked = headers["transfer-encoding"] === "chunked";
  const length = bytes && !chunked ? { "content-length": String(bytes.length) } : {};
  const { hostname, port } = new URL(base);
  return new Promise((settle, reject) => {
    const sent = request({ hostname, port, method, path, headers: { ...headers, ...length, connection: "close" } });
    sent.once("error", reject);
    sent.once("response", (response) => {
      const answer = { status: response.statusCode, headers: response.headers, body: "" };
      response.setEncoding("utf8");
      response.on("data", (text) => {
        answer.body += text;
        onText(answer.body);
      });
      response.once("end", () => settle({ ...answer, ended: "complete" }));
      response.once("error", () => settle({ ...answer, ended: "cut" }));
    });
    sent.end(bytes);
  });
}
