import { invalidOptions } from "../client/errors.js";
import type { PublicTokenOptions } from "./mint.js";
import type { PublicTokenScopes } from "./scopes.js";

/** How a route hands out tokens. `Rest` is whatever else the framework passes to a route. */
export interface TokenHandlerOptions<Rest extends unknown[] = []>
  extends Omit<PublicTokenOptions, "scopes" | "oneTimeUse"> {
  /**
   * Decides, from the cookies or headers of the request, what whoever asks may do: scopes, or `null` for nothing, which is answered
   * with 403. A `Response` is passed on as it is.
   */
  authorize: (request: Request, ...rest: Rest) => Granted | Promise<Granted>;
}

/** What {@link TokenHandlerOptions.authorize} answers. */
export type Granted = PublicTokenScopes | readonly string[] | Response | null | undefined;

const HEADERS = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** The route: its answer is a token as text, for the `accessToken` function of a page. */
export function toTokenHandler<Rest extends unknown[]>(
  mint: (options: PublicTokenOptions) => Promise<string>,
  given: TokenHandlerOptions<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const { authorize, ...options }: TokenHandlerOptions<Rest> = Object(given);
  if (typeof authorize !== "function")
    throw invalidOptions(
      "tokenHandler needs authorize: a function that takes the request and returns scopes, or null for nothing.",
    );
  return async (request, ...rest) => {
    const granted = await authorize(request, ...rest);
    // By its looks: some frameworks bring a Response of their own.
    if (granted && "status" in Object(granted)) return granted as Response;
    if (!granted) return new Response("You may not see or do this.", { status: 403, headers: HEADERS });
    return new Response(await mint({ ...options, scopes: granted as PublicTokenScopes }), { headers: HEADERS });
  };
}
