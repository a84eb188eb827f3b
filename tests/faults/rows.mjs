// The table: what can happen to a send, and what must come of it.
//
// `expect` reads "state code? posts/records": how the send ended, how often it was posted, and how often it is in the stream's log.
// It may depend on the host (node, chromium), the token (string, provider) or the server:
//   silent      as Trigger.dev: a repeated send is a second record
//   announcing  as the development server: repeats are dropped, and the client has been told so by an earlier answer
// A row with `awaits` says what shall be and is not yet: it fails as soon as it is, so that it is not forgotten.
// A row with `used` sends once before, and leaves that connection open for the send that counts; every other send has a fresh one.
// `rules` are faults for the posts of this send. The token is good unless `token` says otherwise; a provider gives that one first
// and then good ones.

const answer = (status, body = "", rest = {}) => ({ kind: "answer", status, body, ...rest });
const notOk = (error) => JSON.stringify({ ok: false, error });
const once = (fault) => [{ times: 1, fault }];
const always = (fault) => [{ fault }];
const refused = JSON.stringify({
  error: "Unauthorized",
  code: "unauthorized",
  param: "access_token",
  type: "authorization",
});
const recordTooLarge =
  "Record metered size 1048777 bytes exceeds the S2 per-record limit of 1048576 bytes. " +
  "Reduce tool-output size or split into smaller parts.";
const readable = { "access-control-expose-headers": "retry-after", "retry-after": "2" };

export const rows = [
  { name: "200", expect: "accepted 1/1" },
  { name: "400: the run has finished", run: "finished", expect: "rejected run-finished 1/0" },
  {
    name: "401: expired",
    token: "expired",
    expect: { string: "rejected token-expired 1/0", provider: "accepted 2/1" },
  },
  {
    name: "401: forged",
    token: "forged",
    expect: { string: "rejected unauthorized 1/0", provider: "accepted 2/1" },
  },
  {
    name: "401: expired, and so is the next",
    token: "always expired",
    expect: { string: "rejected token-expired 1/0", provider: "rejected token-expired 2/0" },
  },
  {
    name: "401 once for a good token",
    rules: once(answer(401, JSON.stringify({ error: "Public Access Token is invalid" }))),
    expect: { string: "rejected unauthorized 1/0", provider: "accepted 2/1" },
  },
  { name: "403", rules: always(answer(403, refused)), expect: "rejected forbidden 1/0" },
  { name: "403, foreseen: the token lacks the scope", token: "unscoped", expect: "rejected forbidden 0/0" },
  { name: "404", run: "unknown", expect: "rejected not-found 1/0" },
  {
    name: "413: the body",
    rules: always(answer(413, JSON.stringify({ error: "Request body too large" }))),
    expect: "rejected too-large 1/0",
  },
  { name: "413: the record", rules: always(answer(413, notOk(recordTooLarge))), expect: "rejected too-large 1/0" },
  { name: "413, foreseen: the body", data: { fill: "x", times: 1 << 20 }, expect: "rejected too-large 0/0" },
  { name: "413, foreseen: the record", data: { fill: '"', times: 400_000 }, expect: "rejected too-large 0/0" },
  {
    name: "429 with a readable Retry-After",
    rules: once(answer(429, "", { headers: readable })),
    atLeastMs: 2000,
    expect: "accepted 2/1",
  },
  { name: "429 without one", rules: once(answer(429)), expect: "accepted 2/1" },
  {
    name: "429 that a page cannot see",
    rules: once(answer(429, "", { cors: false })),
    expect: { node: "accepted 2/1", silent: "unknown blocked 1/0", announcing: "accepted 2/1" },
  },
  {
    name: "500, always",
    rules: always(answer(500, JSON.stringify({ error: "Internal Server Error" }))),
    expect: { silent: "unknown server 1/0", announcing: "unknown server 6/0" },
  },
  {
    name: "503 twice, then 200",
    rules: [{ times: 2, fault: answer(503) }],
    expect: { silent: "unknown server 1/0", announcing: "accepted 3/1" },
  },
  {
    name: "committed, then dropped",
    rules: once({ kind: "drop", committed: true }),
    expect: { silent: "unknown blocked 1/1", announcing: "accepted 2/1" },
  },
  {
    name: "dropped before the commit",
    rules: once({ kind: "drop" }),
    expect: { silent: "unknown blocked 1/0", announcing: "accepted 2/1" },
  },
  {
    name: "committed, then dropped, and nothing was answered before",
    rules: once({ kind: "drop", committed: true }),
    warm: false,
    expect: "unknown blocked 1/1",
  },
  // Chromium posts again by itself, once, when a connection that it has used before is reset before the first byte of an answer. The
  // page learns nothing of it. Only a server that drops repeats makes that harmless.
  {
    name: "committed, then dropped, on a used connection",
    rules: once({ kind: "drop", committed: true }),
    used: true,
    expect: {
      chromium: { silent: "accepted 2/2", announcing: "accepted 2/1" },
      silent: "unknown blocked 1/1",
      announcing: "accepted 2/1",
    },
  },
  {
    name: "dropped before the commit, on a used connection",
    rules: once({ kind: "drop" }),
    used: true,
    expect: { chromium: "accepted 2/1", silent: "unknown blocked 1/0", announcing: "accepted 2/1" },
  },
  {
    name: "committed, then dropped; the token may read the run",
    token: "may read",
    rules: once({ kind: "drop", committed: true }),
    // The answer to the question says that repeats are dropped: that is quicker than to read on.
    expect: { silent: "accepted 1/1", announcing: "accepted 2/1" },
  },
  {
    name: "dropped before the commit; the token may read the run",
    token: "may read",
    rules: once({ kind: "drop" }),
    expect: "accepted 2/1",
  },
  {
    name: "503 twice, then 200; the token may read the run",
    token: "may read",
    rules: [{ times: 2, fault: answer(503) }],
    expect: "accepted 3/1",
  },
  { name: "200, cut in its body", rules: once({ kind: "cut", bytes: 4 }), expect: "accepted 1/1" },
  { name: "200, its body never ends", rules: once({ kind: "stall", bytes: 4 }), expect: "accepted 1/1" },
  {
    name: "hang",
    rules: once({ kind: "hang" }),
    expect: { silent: "unknown timeout 1/0", announcing: "accepted 2/1" },
  },
  {
    name: "committed, then hang",
    rules: once({ kind: "hang", committed: true }),
    expect: { silent: "unknown timeout 1/1", announcing: "accepted 2/1" },
  },
  {
    name: "no CORS headers",
    rules: once({ kind: "opaque" }),
    expect: { node: "accepted 1/1", silent: "unknown blocked 1/1", announcing: "accepted 2/1" },
  },
  { name: "offline, then online", act: "offline", hosts: ["chromium"], expect: "accepted 1/1" },
  {
    name: "aborted on its way",
    rules: always({ kind: "hang", committed: true }),
    act: "abort",
    expect: "unknown aborted 1/1",
  },
  {
    name: "aborted in the queue",
    rules: once({ kind: "hang", committed: true }),
    act: "abort queued",
    expect: "cancelled aborted 1/1",
  },
  {
    name: "unmounted on its way",
    rules: once({ kind: "delay", ms: 500 }),
    act: "unmount",
    hosts: ["chromium"],
    expect: "accepted 1/1",
  },
  { name: "no run id", run: "missing", expect: "rejected invalid-options 0/0" },
  {
    name: "no run id, in the hook",
    run: "missing",
    act: "hook",
    hosts: ["chromium"],
    expect: "rejected invalid-options 0/0",
  },
  { name: "no token", token: "none", expect: "rejected token-missing 0/0" },
  {
    name: "no token, in the hook",
    token: "none",
    act: "hook",
    hosts: ["chromium"],
    expect: "rejected token-missing 0/0",
  },
  {
    name: "a token that hangs once",
    token: "hangs once",
    tokens: ["provider"],
    expect: "accepted 1/1",
  },
];
