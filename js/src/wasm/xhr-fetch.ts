import { encodeInto } from "./utf-8.js";

/** What the host uses of a response. */
type Streamed = Pick<Response, "ok" | "status" | "text"> & {
  headers: Pick<Headers, "get">;
  body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }> } };
};

/** The part of `fetch` that reading a stream takes, of XMLHttpRequest, which there hands on text while it comes in. */
export function xhrFetch(
  url: string,
  { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
): Promise<Streamed> {
  const encoder = typeof TextEncoder === "function" ? new TextEncoder() : { encodeInto };
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let taken = 0;
    let failure: TypeError | undefined;
    let isOver = false;
    let wake = () => {};
    const end = (message?: string) => {
      isOver = true;
      if (message) {
        failure = new TypeError(message);
        reject(failure);
      }
      wake();
    };
    const read = async () => {
      while (taken === xhr.responseText.length && !isOver) {
        await new Promise<void>((settle) => {
          wake = settle;
        });
      }
      const text = xhr.responseText.slice(taken);
      taken += text.length;
      if (!text && failure) throw failure;
      if (!text) return { done: true };
      const bytes = new Uint8Array(text.length * 3);
      return { done: false, value: bytes.subarray(0, encoder.encodeInto(text, bytes).written) };
    };
    xhr.onreadystatechange = () => {
      if (xhr.readyState === xhr.HEADERS_RECEIVED) {
        resolve({
          ok: xhr.status >= 200 && xhr.status < 300,
          status: xhr.status,
          headers: { get: (name) => xhr.getResponseHeader(name) },
          async text() {
            while (!isOver) {
              await new Promise<void>((settle) => {
                wake = settle;
              });
            }
            return xhr.responseText;
          },
          body: { getReader: () => ({ read }) },
        });
      }
      wake();
    };
    xhr.onload = () => end();
    xhr.onerror = xhr.ontimeout = xhr.onabort = () => end("The request was not answered to its end");
    xhr.onprogress = () => wake();
    signal.addEventListener("abort", () => xhr.abort());
    xhr.open("GET", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.send();
  });
}
