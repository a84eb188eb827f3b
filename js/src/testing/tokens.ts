/** An unsigned public access token with these claims; only servers look at signatures. */
export function fakeJwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ sub: "env_1", pub: true, ...claims })}.c2lnbmF0dXJl`;
}
