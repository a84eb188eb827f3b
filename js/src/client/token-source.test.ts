import { expect, it } from "vitest";
import { fakeJwt } from "../testing/tokens.js";
import { expiryOf, identityOf, renewing } from "./token-source.js";

it("keeps the identity of a JWT that is renewed", () => {
  const scopes = ["read:runs:run_1", "write:inputStreams:run_1"];
  const old = fakeJwt({ scopes, iat: 1, exp: 2 });
  const renewed = fakeJwt({ scopes: [...scopes].reverse(), iat: 3, exp: 4 });
  expect(renewed).not.toBe(old);
  expect(identityOf(renewed)).toBe(identityOf(old));
});

it.each([
  ["scopes", fakeJwt({ scopes: ["read:runs:run_2"] })],
  ["subject", fakeJwt({ sub: "env_2", scopes: ["read:runs:run_1"] })],
])("tells JWTs with other %s apart", (_, other) => {
  expect(identityOf(other)).not.toBe(identityOf(fakeJwt({ scopes: ["read:runs:run_1"] })));
});

it("knows a function by itself, not by its source", () => {
  const make = () => () => "token";
  const one = make();
  expect(identityOf(one)).toBe(identityOf(one));
  expect(identityOf(make())).not.toBe(identityOf(one));
});

it.each(["tr_dev_secret", "not.a.jwt", "a.e30.c", ""])("numbers other strings: %o", (token) => {
  expect(identityOf(token)).toBe(identityOf(token));
  expect(identityOf(token)).not.toBe(identityOf(`${token}2`));
  expect(identityOf(token)).toMatch(/^opaque:\d+$/);
});

it("never shows a token's text", () => {
  const jwt = fakeJwt({ scopes: ["read:runs"] });
  for (const token of [jwt, "tr_dev_secret"]) {
    for (const piece of token.split(".")) expect(identityOf(token)).not.toContain(piece);
  }
});

it("reads when a token expires, and 0 where it does not say", () => {
  expect(expiryOf(fakeJwt({ exp: 1_790_000_000 }))).toBe(1_790_000_000);
  expect(expiryOf(fakeJwt({ exp: "soon" }))).toBe(0);
  expect(expiryOf("tr_dev_secret")).toBe(0);
});

it("does not let one token that triggers once stand in for another", () => {
  const once = (jti: number) => fakeJwt({ scopes: ["trigger:tasks:hello"], otu: true, jti });
  expect(identityOf(once(1))).toBe(identityOf(once(1)));
  expect(identityOf(once(1))).not.toBe(identityOf(once(2)));
});

it("forgets what was not used for long: a server sees the tokens of all its users", () => {
  const tokenOf = (user: number) => fakeJwt({ scopes: [`read:runs:run_${user}`] });
  const refresh = () => "another";
  const [kept, left] = [renewing(tokenOf(1), refresh), renewing(tokenOf(2), refresh)];
  const numbers = [identityOf("kept"), identityOf("left")];
  for (let user = 3; user < 2_000; user += 1) {
    renewing(tokenOf(user), refresh);
    identityOf(`text ${user}`);
    expect(renewing(tokenOf(1), refresh)).toBe(kept);
    expect(identityOf("kept")).toBe(numbers[0]);
  }
  expect(renewing(tokenOf(2), refresh)).not.toBe(left);
  expect(identityOf("left")).not.toBe(numbers[1]);
  const seen = new Set(Array.from({ length: 400 }, (_, at) => identityOf(`again ${at}`)));
  expect(seen.size).toBe(400);
});
