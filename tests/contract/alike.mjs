// Two answers that say the same differ in times and in what is left of a budget.

const limits = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/** An answer `{ headers, body, … }` without these. */
export function alike({ headers, body, ...rest }) {
  const left = headers["x-ratelimit-remaining"];
  return {
    ...rest,
    headers: {
      ...headers,
      ...(left && { "x-ratelimit-remaining": left === "0" ? "none" : "some" }),
      ...(headers["x-ratelimit-reset"] && { "x-ratelimit-reset": time(headers["x-ratelimit-reset"]) }),
    },
    body: body
      ?.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "{time}")
      .replace(/(?<="reset": )\d+/, (reset) => JSON.stringify(time(reset)))
      .replace(/(?<="secondsUntilReset": )[\d.]+/, '"some"')
      .replace(/[\d.]+(?= seconds\.)/g, "some"),
  };
}

const time = (text) => (/^\d{13}$/.test(text) ? "milliseconds" : text);

/** The names of headers to compare besides: the budget's, where the recording has it, and where there is to be none. */
export function budget({ request, response }) {
  return request.path.startsWith("/realtime/") || "x-ratelimit-limit" in response.headers ? limits : [];
}
