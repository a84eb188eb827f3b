// Where tidegate-dev answers otherwise than the recording, on purpose. A server that answers as recorded never meets these.

const within = (recorded, came) =>
  (recorded ?? "").split(/, ?/).every((name) => !name || (came ?? "").split(/, ?/).includes(name));

const isCors = (part) => part.startsWith("access-control-") || part === "varies by origin";

export const differences = {
  "more-headers-exposed": {
    reason: "pages may also read x-should-retry and x-tidegate-idempotent, where these are; nothing is missing",
    covers: (_, part, recorded, came) =>
      part === "access-control-expose-headers" && recorded !== undefined && within(recorded, came),
  },
  "readable-without-credentials": {
    reason: "the 401 that comes before the API has CORS headers, so that a page sees it and not a network failure",
    covers: (name, part, recorded) =>
      ["trigger-no-auth", "token-complete-no-auth"].includes(name) && isCors(part) && !recorded,
  },
  "readable-refusals": {
    reason:
      "--rate-limits refused lets pages read that they asked too often; the original's 429 is a network failure there",
    covers: (name, part, recorded) => name === "ratelimit-429" && isCors(part) && !recorded,
  },
  "items-for-pages": {
    reason: "the items of a batch have CORS headers, so that a page can do what it is handed a token for",
    covers: (name, part, recorded) => name === "batch-v3-items" && isCors(part) && !recorded,
  },
  "another-run": {
    reason: "the run that it shows is another one; what is compared is the budget of a second token",
    covers: (name, part, recorded, came) =>
      name === "ratelimit-other-token" && part === "body" && came.id === recorded.id,
  },
  "cancel-from-a-page": {
    reason: "a page may cancel a run that its token may write; the original answers the route without CORS headers",
    covers: (name, part, recorded) =>
      name.startsWith("cancel-run") && part === "access-control-expose-headers" && recorded === undefined,
  },
  "no-log-service": {
    reason: "there is no S2 to write to, so none is named; the official writer then writes through the server",
    covers: (name, part, _, came) => name === "stream-create-v2" && part.startsWith("x-s2-") && came === undefined,
  },
  "no-token-wanted": {
    reason: "the recorded server had been given some token and hands it on; without one, ours says that none is wanted",
    covers: (_, part, _recorded, came) => part === "x-s2-access-token" && came === "s2-skip-access-tokens",
  },
  "names-without-organisation": {
    reason: "there is one organisation here, so the names of streams begin with the environment",
    covers: (_, part, recorded, came) => part === "x-s2-stream-name" && recorded === `org/{org}/${came}`,
  },
  "lines-are-counted": {
    reason: "X-Last-Chunk-Index counts lines, as the writer does; the original counts reads of its socket",
    covers: (name, part, _, came) => name === "stream-head-v1" && part === "x-last-chunk-index" && came === "2",
  },
  "sends-are-idempotent": {
    reason: "a send repeated with the same x-trigger-request-idempotency-key is one record",
    covers: (name, part, recorded, came) =>
      name === "sse-v2-input-after-repeated-send" && part === "events" && isFirstRecordOnly(recorded, came),
  },
  "cancelled-at-once": {
    reason:
      "a cancelled run takes no input from then on; the original may still take some until its worker has stopped",
    covers: (name, part, _, came) =>
      name === "input-canceled-run" &&
      ((part === "status" && came === 400) ||
        (part === "body" && came.error === "Cannot send to input stream on a completed run")),
  },
};

function isFirstRecordOnly([recorded], [batch, ping, done]) {
  const [first] = recorded.records;
  const same = JSON.stringify(batch.records) === JSON.stringify([first]);
  return same && batch.id === "0,1,51" && ping.tail.seq_num === 1 && done.kind === "done";
}
