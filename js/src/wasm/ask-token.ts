import { clearWarning, warnInDevelopment } from "./development.js";

/** How long a token function may take. */
export const TOKEN_TIMEOUT_MS = 10_000;

/**
 * Asks a token function once. Resolves to a non-empty token, or rejects with a sentence for the developer when the
 * function throws, rejects, returns something else, or has not settled after ten seconds.
 */
export function askToken(provide: () => unknown = noProvider): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      const error = new Error(`The accessToken function ${what}.`);
      // A send that waits for a token shows no error before the core has given up, half a minute later.
      warnInDevelopment(() => `${error.message} It is asked again; until it answers, sends wait.`, provide);
      reject(error);
    };
    const timer = setTimeout(() => fail("did not answer within 10 seconds"), TOKEN_TIMEOUT_MS);
    Promise.resolve()
      .then(provide)
      .then(
        (token) => {
          if (token && typeof token === "string") {
            clearWarning(provide);
            resolve(token);
          } else fail(`must return a token, but it returned ${token === "" ? "an empty string" : typeof token}`);
        },
        (cause) => fail(`failed: ${withoutTokens(String((cause as Error | undefined)?.message ?? cause))}`),
      )
      .finally(() => clearTimeout(timer));
  });
}

/** An application's error may quote the request that failed. */
function withoutTokens(text: string): string {
  return text.replace(/(eyJ|tr_)[\w.-]+/g, "<token>");
}

function noProvider(): never {
  throw new Error("a string cannot renew itself");
}
