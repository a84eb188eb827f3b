import type { Problem, ProblemCode, SendState } from "./interface.js";

/** False where the core beside it neither follows runs nor calls, so that it has no problem with these. */
declare const TIDEGATE_RUNS: boolean | undefined;
const RUNS = typeof TIDEGATE_RUNS === "undefined" || TIDEGATE_RUNS;

const SENTENCES: Record<ProblemCode, string | ((problem: Problem) => string)> = {
  "run-finished": "The run has finished and takes no more input. Start a new run to go on.",
  // An API says in its own words what it has not found; another server shows a page.
  "not-found": ({ status, serverMessage, subject = "run" }) =>
    `${status && !serverMessage ? "The base URL may be wrong. " : ""}There is no such ${subject} in this environment. Check the ${subject} id, the base URL, and that the access token was minted for the same environment.`,
  forbidden: ({ missingScope, subject = "run" }) =>
    missingScope
      ? `The access token lacks the scope "${missingScope}". Mint one that has it, or check the ${subject} id.`
      : `The access token does not allow this. Check the ${subject} id, and that the token was minted for the same environment with the scope that this takes.`,
  unauthorized:
    "The server refused the access token. Check that it was minted for this server and environment, and pass a new one.",
  "token-missing": "There is no access token. Pass accessToken: a public access token, or a function that returns one.",
  "token-malformed":
    "The access token is not a whole public access token. Pass the JWT exactly as your backend received or minted it.",
  "token-expired": ({ expiredAtMs }) =>
    `The access token expired${at(expiredAtMs)}. Pass a new one, or pass accessToken as a function so that it renews itself.`,
  "invalid-data": ({ subject }) =>
    RUNS && subject
      ? "The server does not take this as it stands."
      : "The server could not read the data. Send plain JSON values.",
  "too-large": ({ actualBytes, limitBytes }) =>
    `The data is too large${actualBytes ? `: ${actualBytes} bytes` : ""}${limitBytes ? `, where ${limitBytes} bytes is the most` : ""}. Send less, or store it elsewhere and send its address.`,
  offline: "The browser is offline. Try again when it is connected.",
  blocked:
    "The browser got no readable answer. The server is down, the base URL is wrong, or CORS, a Content Security Policy, a proxy or an extension is in the way; the browser's console shows which.",
  "rate-limited":
    "The server takes no more requests for now, because there were too many. Wait a minute and try again.",
  server: (problem) => `The server failed${status(problem)}. Try again in a moment.`,
  protocol: (problem) =>
    problem.subject === "event"
      ? "An event of the stream is larger than 16 MiB, and no more is read. Write smaller parts."
      : RUNS && problem.subject?.startsWith("electric-")
        ? `The answer has no readable header "${problem.subject}". Check that the base URL is that of a Trigger.dev API, and that a proxy in between lets the page read it (Access-Control-Expose-Headers).`
        : `The server gave an answer that makes no sense here${status(problem)}. Check that the base URL is that of a Trigger.dev API.`,
  timeout: ({ subject }) =>
    subject
      ? "Nothing came over a connection that stands. A proxy may keep answers until they are whole: turn its buffering off for /realtime/."
      : "The server did not answer in time. Try again in a moment.",
  aborted: "It was cancelled.",
};

/** What happened and what to do about it, for the person who reads the message. */
export function describe(problem: Problem, state?: SendState): string {
  const sentence = SENTENCES[problem.code];
  const { serverMessage } = problem;
  return [
    typeof sentence === "string" ? sentence : sentence(problem),
    state === "unknown" &&
      `It may or may not have ${RUNS && problem.subject ? "taken effect" : "arrived"}, so check before you send it again.`,
    // Without a status no server was asked: the words are those of the token function, or of who called it.
    serverMessage && (problem.status ? `The server said: "${serverMessage}".` : serverMessage),
  ]
    .filter(Boolean)
    .join(" ");
}

/** The core stopped under a call. */
export const crashed = "The core stopped. Try again; if it stops again, please report it.";

/** For the console: what is no call's own error. */
export function warn(about: { id: string; reason: string } | string): void {
  if (typeof about === "string") console.error(`Tidegate: the core stopped (${about}) and is being restarted.`);
  else console.warn(`Tidegate: record ${about.id} of a stream was skipped because it cannot be read: ${about.reason}`);
}

function status(problem: Problem): string {
  return problem.status ? ` (HTTP ${problem.status})` : "";
}

function at(ms: number | undefined): string {
  const time = new Date(ms ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? "" : ` at ${time.toISOString()}`;
}
