const ISSUER = "https://id.trigger.dev";
const AUDIENCE = "https://api.trigger.dev";

/** What a token says. */
export type Claims = Record<string, unknown>;

/** A public access token with these claims: HS256 over the bytes of the key, as the server itself signs. Times are seconds since 1970. */
export async function signJwt(claims: Claims, issuedAt: number, expiresAt: number, key: string): Promise<string> {
  const payload = { ...claims, iss: ISSUER, aud: AUDIENCE, exp: expiresAt, iat: issuedAt };
  const signed = `${encodePart({ alg: "HS256" })}.${encodePart(payload)}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secret = await crypto.subtle.importKey("raw", utf8(key), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign(algorithm, secret, utf8(signed));
  return `${signed}.${base64Url(new Uint8Array(signature))}`;
}

/** Reads a JSON web token without checking anything; undefined for any other text. */
export function readJwt(token: string): { header: Claims; payload: Claims } | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const [header, payload] = parts.slice(0, 2).map(decodePart);
    return { header: Object(header), payload: Object(payload) };
  } catch {
    return undefined;
  }
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function encodePart(value: Claims): string {
  return base64Url(utf8(JSON.stringify(value)));
}

function decodePart(part: string): unknown {
  const text = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0))));
}

function base64Url(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
