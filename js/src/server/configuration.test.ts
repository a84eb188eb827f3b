import { afterEach, expect, test, vi } from "vitest";
import { fakeJwt } from "../testing/tokens.js";
import { type BackendOptions, configuration, configure, toIdentity } from "./configuration.js";

afterEach(() => {
  vi.unstubAllEnvs();
  configure({});
});

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const runToken = `${part({ alg: "HS256", typ: "run+jwt" })}.${part({ aud: "trigger:api" })}.c2ln`;

test.each([
  [undefined, /no secret key. Set TRIGGER_SECRET_KEY/],
  ["", /no secret key/],
  [7, /must be a string/],
  [fakeJwt({ scopes: ["admin"] }), /is a public access token/],
  [`${part({ alg: "HS256" })}.${part({ sub: "x" })}.c2ln`, /kind of token cannot/],
  ["pk_dev_1234", /kind of token cannot/],
  ["tr_pat_1234", /kind of token cannot/],
  ["Bearer tr_dev_1234", /holds a space/],
  ["tr_dev_\u{1F511}", /another character/],
])("the secret key %s is refused, and not told", (secretKey, sentence) => {
  const refuse = () => toIdentity({ secretKey: secretKey as string });
  expect(refuse).toThrow(sentence);
  if (typeof secretKey === "string" && secretKey) expect(refuse).not.toThrow(secretKey);
});

test.each([
  ["/api", /whole address/],
  ["api.trigger.dev", /must be the address/],
  ["https://user:password@api.trigger.dev", /must be the address/],
])("the base URL %s is refused", (baseURL, sentence) => {
  expect(() => toIdentity({ secretKey: "tr_dev_1", baseURL })).toThrow(sentence);
});

test("a branch that cannot be named in a header is refused", () => {
  expect(() => toIdentity({ secretKey: "tr_dev_1", previewBranch: "größe" })).toThrow(/Rename the branch/);
  expect(toIdentity({ secretKey: "tr_dev_1", previewBranch: "feat/size" }).endpoint.branch).toBe("feat/size");
});

test.each([
  ["tr_dev_1234", true],
  ["tr_prod_abcdefghijklmnopqrstuvwx", true],
  ["tr_prod_sk_abcdefghijklmnopqrstuvwx", false],
  [runToken, false],
])("%s can sign: %s", (secretKey, canSign) => expect(toIdentity({ secretKey }).canSign).toBe(canSign));

test("a key that was read with its line end is taken without it", () => {
  expect(toIdentity({ secretKey: "tr_dev_1234\n" }).token).toBe("tr_dev_1234");
});

test.each<[BackendOptions, Record<string, string>, BackendOptions]>([
  [{}, { TRIGGER_SECRET_KEY: "tr_dev_1" }, { secretKey: "tr_dev_1" }],
  [{}, { TRIGGER_ACCESS_TOKEN: "tr_dev_1" }, { secretKey: "tr_dev_1" }],
  [{ accessToken: "tr_dev_2" }, { TRIGGER_SECRET_KEY: "tr_dev_1" }, { secretKey: "tr_dev_2" }],
  [{ secretKey: "tr_dev_3", accessToken: "tr_dev_2" }, {}, { secretKey: "tr_dev_3" }],
  [{}, { TRIGGER_API_URL: "https://one.test" }, { baseURL: "https://one.test" }],
  [{ baseURL: "https://two.test" }, { TRIGGER_API_URL: "https://one.test" }, { baseURL: "https://two.test" }],
  [{}, { TRIGGER_PREVIEW_BRANCH: "a", VERCEL_GIT_COMMIT_REF: "b" }, { previewBranch: "a" }],
  [{}, { VERCEL_GIT_COMMIT_REF: "b", TRIGGER_DEV_BRANCH: "c" }, { previewBranch: "b" }],
  [{}, { TRIGGER_DEV_BRANCH: "c" }, { previewBranch: "c" }],
  [{}, { TRIGGER_DEV_BRANCH: "default" }, { previewBranch: undefined }],
])("configured with %j under %j", (options, environment, expected) => {
  const names = ["SECRET_KEY", "ACCESS_TOKEN", "API_URL", "PREVIEW_BRANCH", "DEV_BRANCH"].map(
    (name) => `TRIGGER_${name}`,
  );
  for (const name of [...names, "VERCEL_GIT_COMMIT_REF"]) vi.stubEnv(name, environment[name]);
  configure(options);
  expect(configuration()).toMatchObject(expected);
});
